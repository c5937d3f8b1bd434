// SPDX-License-Identifier: Apache-2.0
import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { IMAGE } from '../../lib/api/kinds.ts'
import type { Image } from '../../lib/api/types.ts'
import { addressesOf } from '../../local/cloud/definition.ts'
import { serveHalting, type HaltingServer } from '../harness/halting-server.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForObject, waitForReady } from '../harness/wait.ts'

const content = randomBytes(16 * 1024 * 1024)

let project: Project
let source: HaltingServer
beforeAll(async () => {
  project = await Project.create('resume', { withImage: false })
  source = await serveHalting(content, addressesOf(project.test.cloud.state.subnet).host)
}, 60_000)
afterAll(async () => {
  source.close()
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 60_000)

test('a download that a killed agent left half done goes on where it ended', async () => {
  const { client, cloud, networkNode } = project.test
  const sha256 = createHash('sha256').update(content).digest('hex')
  await project.create(IMAGE, draft.image(project.at('half'), { url: source.url, sha256 }, { format: 'raw' }))
  const arrived = (image: Image | undefined) => (image?.status?.progress ?? 0) >= 50
  await waitForObject<Image>(client, IMAGE, project.at('half'), arrived, { what: 'half of it arrived' })

  const before = cloud.findDaemon(networkNode, 'agent')?.pid
  const after = (await cloud.restartDaemon(networkNode, 'agent')).pid
  expect(before).toBeDefined()
  expect(after).not.toBe(before)

  const image = await waitForReady<Image>(client, IMAGE, project.at('half'))
  expect(image.status).toMatchObject({ sha256, sizeBytes: content.length })
  expect(source.ranges[0]).toBeUndefined()
  expect(source.ranges.slice(1)).toEqual([`bytes=${content.length / 2}-`])
}, 120_000)
