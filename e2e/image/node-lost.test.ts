// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { COMPUTE_NODE, IMAGE, NODE } from '../../lib/api/kinds.ts'
import type { ComputeNode, Image } from '../../lib/api/types.ts'
import { addressesOf } from '../../local/cloud/definition.ts'
import { isRunning } from '../../local/host/process.ts'
import { serveHalting, type HaltingServer } from '../harness/halting-server.ts'
import { hurryHeartbeats } from '../harness/heartbeat.ts'
import { serveOwnGuest, type ServedImage } from '../harness/image-cache.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const FIRST = 'compute-2'

let project: Project
let own: ServedImage
let halting: HaltingServer
let relax: (() => Promise<void>) | undefined
beforeAll(async () => {
  project = await Project.create('image-lost', { withImage: false })
  own = serveOwnGuest(project.test, project.namespace)
  halting = await serveHalting(own.content, addressesOf(project.test.cloud.state.subnet).host)
  relax = await hurryHeartbeats(project.test)
}, 60_000)
afterAll(async () => {
  const { client, cloud, networkNode } = project.test
  if (!isRunning(cloud.node(FIRST))) await cloud.startNode(FIRST)
  await setImageRole(networkNode, true)
  await setImageRole(FIRST, false)
  await waitForReady(client, COMPUTE_NODE, { name: FIRST })
  await relax?.()
  halting.close()
  own.remove()
  await project.destroy()
  await waitUntilTrue('nothing to be left', async () => (await project.findLeftovers()).length === 0 || undefined)
}, 120_000)

async function setImageRole(name: string, isWanted: boolean): Promise<void> {
  const { client } = project.test
  await client.mergePatch(NODE, { name }, { metadata: { labels: { 'nephele.dev/image': isWanted ? 'true' : null } } })
  const has = (n: ComputeNode | undefined) => n?.status?.roles?.includes('image') === isWanted
  await waitForObject<ComputeNode>(client, COMPUTE_NODE, { name }, has, { what: `role image: ${isWanted}` })
}

test('an import whose node dies half way is done by another one', async () => {
  const { client, cloud, networkNode } = project.test
  await setImageRole(FIRST, true)
  await setImageRole(networkNode, false)
  await project.create(IMAGE, draft.image(project.at('own'), { url: halting.url, sha256: own.sha256 }))
  const isHalf = (i: Image | undefined) => i?.status?.importNode === FIRST && (i.status.progress ?? 0) >= 40
  await waitForObject<Image>(client, IMAGE, project.at('own'), isHalf, { what: `half of it on ${FIRST}` })

  await cloud.stopNode(FIRST)
  await setImageRole(networkNode, true)
  const { status } = await waitForReady<Image>(client, IMAGE, project.at('own'))
  expect(status).toMatchObject({ state: 'active', importNode: networkNode, sha256: own.sha256 })
}, 120_000)
