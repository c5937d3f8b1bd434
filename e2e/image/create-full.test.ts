// SPDX-License-Identifier: Apache-2.0
// Every field of an Image: from a server whose certificate only the spec's own bundle vouches for, to a guest on the hardware it asks for.
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { IMAGE } from '../../lib/api/kinds.ts'
import type { Image } from '../../lib/api/types.ts'
import { addressesOf } from '../../local/cloud/definition.ts'
import { createAuthority } from '../../local/control-plane/authority.ts'
import { serveOwnGuest, type ServedImage } from '../harness/image-cache.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

let project: Project
let own: ServedImage
let server: Server
let url: string
let caBundle: string
beforeAll(async () => {
  project = await Project.create('image-full', { withImage: false, net: '10.48.0.0/24' })
  own = serveOwnGuest(project.test, project.namespace)
  const { host } = addressesOf(project.test.cloud.state.subnet)
  const authority = await createAuthority('e2e image server')
  const { certificate, key } = await authority.issue({ commonName: 'images', names: [host] })
  caBundle = authority.certificate
  server = createServer({ cert: certificate, key }, (_, response) => {
    response.writeHead(200, { 'content-length': own.content.length }).end(own.content)
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  url = `https://${host}:${(server.address() as AddressInfo).port}/guest.qcow2`
}, 60_000)
afterAll(async () => {
  server.close()
  own.remove()
  await project.patch(IMAGE, 'full', { spec: { deletionProtection: false } })
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

test('without the bundle its server is not trusted', async () => {
  await project.create(IMAGE, draft.image(project.at('untrusted'), { url, sha256: own.sha256 }))
  const want = { type: 'Ready', status: 'False', message: /certificate/i }
  await waitForCondition(project.test.client, IMAGE, project.at('untrusted'), want)
}, 60_000)

test('with it the image is fetched and checked; a machine has the disk and the interface that it asks for', async () => {
  const { client, cloud } = project.test
  const spec = {
    source: { http: { url, caBundle } },
    architecture: 'x86_64',
    minDiskGiB: 1,
    minMemoryMiB: 128,
    properties: { hw_disk_bus: 'virtio', hw_vif_model: 'e1000e', os_distro: 'debian' },
    visibility: 'shared',
    sharedWith: [{ namespace: 'somebody-else' }],
    deletionProtection: true,
  }
  await project.create(IMAGE, draft.image(project.at('full'), { url, sha256: own.sha256 }, spec))
  const { status } = await waitForReady<Image>(client, IMAGE, project.at('full'))
  expect(status).toMatchObject({ state: 'active', sha256: own.sha256, sizeBytes: own.content.length })
  const networks = [{ networkRef: { name: 'net' } }]
  await project.createInstance('box', { imageRef: { name: 'full' }, networks, runState: 'Stopped' })
  const box = await project.waitActive('box')
  const { stdout } = await cloud.exec(box.status?.node ?? '', ['virsh', 'dumpxml', '--inactive', box.metadata.uid])
  expect(stdout).toMatch(/<model type='e1000e'\/>/)
  expect(stdout).toMatch(/<target dev='vda' bus='virtio'\/>/)
  await expect(client.remove(IMAGE, project.at('full'))).rejects.toThrow(/deletion protection/)
}, 90_000)
