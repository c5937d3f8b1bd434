// SPDX-License-Identifier: Apache-2.0
// A physical network of which Networks get VLANs: which nodes are connected, and who has which VLAN, until the last one is gone.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { NETWORK, PROVIDER_NETWORK } from '../../lib/api/kinds.ts'
import type { Network, ProviderNetwork } from '../../lib/api/types.ts'
import { PHYSICAL_NETWORK } from '../../local/cloud/external-network.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady } from '../harness/wait.ts'

let project: Project
let of: { name: string }
beforeAll(async () => {
  project = await Project.create('vlans', { withImage: false })
  // By the same interface as the cloud's flat one, whose mapping is there.
  const { metadata } = await project.createClusterWide(
    PROVIDER_NETWORK,
    'dc',
    draft.providerNetwork({ physicalNetwork: PHYSICAL_NETWORK, vlanRanges: [{ minimum: 3001, maximum: 3001 }] }),
  )
  of = { name: metadata.name }
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const createNetwork = (name: string) =>
  project.create(NETWORK, draft.network(project.at(name), { provider: { providerNetworkRef: of } }))
const vlanOf = async (name: string) =>
  (await waitForReady<Network>(project.test.client, NETWORK, project.at(name))).status?.segmentationID

test('all nodes are connected, and each Network has a VLAN of its own', async () => {
  const { client } = project.test
  const { status } = await waitForReady<ProviderNetwork>(client, PROVIDER_NETWORK, of)
  expect(status?.nodeCount).toBeGreaterThan(0)
  expect(status?.connectedCount).toBe(status?.nodeCount)
  await createNetwork('one')
  expect(await vlanOf('one')).toBe(3001)
  await createNetwork('two')
  const want = { type: 'Ready', status: 'False', reason: 'NoFreeSegment' }
  expect(await waitForCondition(client, NETWORK, project.at('two'), want)).toContain('vlanRanges 3001')
  await client.mergePatch(PROVIDER_NETWORK, of, { spec: { vlanRanges: [{ minimum: 3001, maximum: 3002 }] } })
  expect(await vlanOf('two')).toBe(3002)
}, 60_000)

test('a VLAN is free when its Network has gone, and the ProviderNetwork goes with the last one', async () => {
  const { client } = project.test
  await createNetwork('three')
  await waitForCondition(client, NETWORK, project.at('three'), { type: 'Reconciling', reason: 'NoFreeSegment' })
  await project.remove(NETWORK, 'one')
  expect(await vlanOf('three')).toBe(3001)
  await client.remove(PROVIDER_NETWORK, of)
  const message = await waitForCondition(client, PROVIDER_NETWORK, of, { type: 'Reconciling', reason: 'InUse' })
  expect(message).toMatch(/Networks .*\/three, .*\/two/)
  for (const name of ['two', 'three']) await project.remove(NETWORK, name)
  await waitForGone(client, PROVIDER_NETWORK, of)
}, 60_000)
