// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { COMPUTE_NODE, IMAGE, NODE } from '../../lib/api/kinds.ts'
import type { ComputeNode, Image } from '../../lib/api/types.ts'
import { serveOwnGuest, type ServedImage } from '../harness/image-cache.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForObject, waitForReady } from '../harness/wait.ts'

let project: Project
let own: ServedImage
beforeAll(async () => {
  project = await Project.create('image-dep', { withImage: false })
  own = serveOwnGuest(project.test, project.namespace)
}, 60_000)
afterAll(async () => {
  own.remove()
  await setRole(true)
  await project.destroy()
}, 60_000)

async function setRole(isWanted: boolean): Promise<void> {
  const { client, networkNode: name } = project.test
  await client.mergePatch(NODE, { name }, { metadata: { labels: { 'nephele.dev/image': isWanted ? 'true' : null } } })
  const has = (n: ComputeNode | undefined) => n?.status?.roles?.includes('image') === isWanted
  await waitForObject<ComputeNode>(client, COMPUTE_NODE, { name }, has, { what: `role image: ${isWanted}` })
}

test('without a node that imports images it is queued and says which label is missing; it goes on when there is one', async () => {
  const { client, networkNode } = project.test
  await setRole(false)
  await project.create(IMAGE, draft.image(project.at('early'), own))
  const want = { type: 'Reconciling', reason: 'NoImageNode' }
  expect(await waitForCondition(client, IMAGE, project.at('early'), want)).toContain('nephele.dev/image=true')
  expect((await client.get<Image>(IMAGE, project.at('early'))).status?.state).toBe('queued')
  await setRole(true)
  const { status } = await waitForReady<Image>(client, IMAGE, project.at('early'))
  expect(status).toMatchObject({ state: 'active', importNode: networkNode })
}, 60_000)
