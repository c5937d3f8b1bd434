// SPDX-License-Identifier: Apache-2.0
// The agent of a compute node is killed while it fetches an image for a machine (that of the image node: faults/image-resume).
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { IMAGE } from '../../lib/api/kinds.ts'
import type { Image } from '../../lib/api/types.ts'
import { addressesOf } from '../../local/cloud/definition.ts'
import { serveHalting, type HaltingServer } from '../harness/halting-server.ts'
import { cachedPath, serveOwnGuest, type ServedImage } from '../harness/image-cache.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady, waitUntilTrue } from '../harness/wait.ts'

const NODE = 'compute-1'

let project: Project
let own: ServedImage
let halting: HaltingServer
beforeAll(async () => {
  project = await Project.create('image-agent', { withImage: false })
  own = serveOwnGuest(project.test, project.namespace)
  halting = await serveHalting(own.content, addressesOf(project.test.cloud.state.subnet).host)
  await project.create(IMAGE, draft.image(project.at('own'), own))
  await waitForReady<Image>(project.test.client, IMAGE, project.at('own'))
}, 60_000)
afterAll(async () => {
  halting.close()
  own.remove()
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 60_000)

test('a download for a machine that a kill left half done goes on where it ended, and the machine is made', async () => {
  const { cloud } = project.test
  await project.patch(IMAGE, 'own', { spec: { source: { http: { url: halting.url } } } })
  await waitForReady(project.test.client, IMAGE, project.at('own')) // seen
  await project.createInstance('box', { imageRef: { name: 'own' }, runState: 'Stopped', availabilityZone: 'zone-a' })
  const half = Math.floor(own.content.length / 2)
  await waitUntilTrue('half of it', async () => {
    const { stdout } = await cloud.exec(NODE, [
      'find',
      '/var/lib/nephele/images',
      '-type',
      'f',
      '-size',
      `+${half - 1}c`,
      '-size',
      `-${half + 1}c`,
    ])
    return stdout.trim() !== '' || undefined
  })
  expect(halting.ranges).toEqual([undefined])
  const before = cloud.findDaemon(NODE, 'agent')?.pid
  expect((await cloud.restartDaemon(NODE, 'agent')).pid).not.toBe(before)

  await project.waitActive('box')
  expect(halting.ranges.slice(1)).toEqual([`bytes=${half}-`])
  expect(existsSync(cachedPath(project.test, NODE, own.sha256))).toBe(true)
}, 120_000)
