// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { IMAGE, INSTANCE } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForObject, waitForReady } from '../harness/wait.ts'

let project: Project
const served: string[] = []
beforeAll(async () => {
  project = await Project.create('refused')
}, 120_000)
afterAll(async () => {
  for (const file of served) rmSync(file, { force: true })
  await project.destroy()
}, 120_000)

const digest = (content: Buffer) => createHash('sha256').update(content).digest('hex')

function serve(name: string, content: Buffer): { url: string; sha256: string } {
  const file = join(project.test.images.dir, `${project.namespace}-${name}`)
  served.push(file)
  writeFileSync(file, content)
  return { url: `${project.test.images.url}/${project.namespace}-${name}`, sha256: digest(content) }
}

const guest = () => readFileSync(join(project.test.images.dir, 'guest.qcow2'))

/** The header fields of https://www.qemu.org/docs/master/interop/qcow2.html: a name at the header's end, 104 bytes in. */
function withBackingFile(qcow2: Buffer, path: string): Buffer {
  const copy = Buffer.from(qcow2)
  const at = 512
  copy.write(path, at, 'latin1')
  copy.writeBigUInt64BE(BigInt(at), 8)
  copy.writeUInt32BE(path.length, 16)
  return copy
}

test('wrong digest, not an image, unsafe: the Image is Stalled with its reason, and its machine waits', async () => {
  const { client } = project.test
  const cases = [
    { name: 'digest', reason: 'ImageDigestMismatch', source: { ...serve('digest', guest()), sha256: '0'.repeat(64) } },
    { name: 'text', reason: 'ImageFormatMismatch', source: serve('text', Buffer.alloc(4096, 'no image at all\n')) },
    { name: 'backing', reason: 'ImageUnsafe', source: serve('backing', withBackingFile(guest(), '/etc/passwd')) },
    { name: 'disguised', reason: 'ImageUnsafe', source: serve('disguised', guest()), spec: { format: 'raw' } },
  ]
  for (const { name, source, spec } of cases) await project.create(IMAGE, draft.image(project.at(name), source, spec))
  await project.createInstance('waits', { imageRef: { name: 'backing' } })
  for (const { name, reason } of cases) {
    const message = await waitForCondition(client, IMAGE, project.at(name), { type: 'Stalled', reason })
    expect(message).not.toMatch(/\/var\/lib|\/etc\/nephele/)
  }
  await waitForCondition(client, INSTANCE, project.at('waits'), {
    type: 'Reconciling',
    reason: 'ImageNotReady',
    // While the image is downloaded the reason is the same; the words follow the Image.
    message: /ImageUnsafe/,
  })
}, 120_000)

test('a missing source is asked again, and used once it is there; other machines of the node run on', async () => {
  const { client, images } = project.test
  // Content of its own: the nodes have the guest's in their caches already, and ask no source for what they have.
  const content = Buffer.concat([guest(), Buffer.alloc(512, project.namespace)])
  const name = `${project.namespace}-late`
  const source = { url: `${images.url}/${name}`, sha256: digest(content) }
  await project.create(IMAGE, draft.image(project.at('late'), source))
  await project.createInstance('late', { imageRef: { name: 'late' } })
  await project.createInstance('fine')
  await project.waitActive('fine')
  await waitForCondition(client, IMAGE, project.at('late'), { type: 'Reconciling', reason: 'ImageNotFound' })
  serve('late', content)
  await waitForReady(client, IMAGE, project.at('late'))
  await project.waitActive('late')
}, 180_000)

test('deleting an image in use waits for its machines and says which', async () => {
  const { client } = project.test
  await client.remove(IMAGE, project.at('late'))
  const message = await waitForCondition(client, IMAGE, project.at('late'), { type: 'Reconciling', reason: 'InUse' })
  expect(message).toContain('late')
  await project.remove(INSTANCE, 'late')
  await waitForObject<Instance>(client, IMAGE, project.at('late'), (i) => i === undefined, { what: 'gone' })
}, 120_000)
