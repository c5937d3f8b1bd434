// SPDX-License-Identifier: Apache-2.0
// Minimum bandwidth as the scheduler counts it: each node has as much as its ProviderNetwork says, and who finds none waits until somebody goes.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, NETWORK, PROVIDER_NETWORK, QOS_POLICY, SUBNET } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import { PHYSICAL_NETWORK } from '../../local/cloud/external-network.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForObject, waitForReady } from '../harness/wait.ts'

const VLAN = 3031
let project: Project
beforeAll(async () => {
  project = await Project.create('bandwidth')
  const nodes = [{ interface: 'eth2', bandwidth: { egressKbps: 1_000_000, ingressKbps: 1_000_000 } }]
  const vlanRanges = [{ minimum: VLAN, maximum: VLAN }]
  const dc = draft.providerNetwork({ physicalNetwork: PHYSICAL_NETWORK, vlanRanges, nodes })
  const { metadata } = await project.createClusterWide(PROVIDER_NETWORK, 'dc', dc)
  await project.create(QOS_POLICY, draft.qosPolicy(project.at('gold'), egress(600_000)))
  const provider = { providerNetworkRef: { name: metadata.name } }
  const spec = { provider, qosPolicyRef: { name: 'gold' } }
  await project.create(NETWORK, draft.network(project.at('dc'), spec))
  await project.create(SUBNET, draft.subnet(project.at('dc'), 'dc', '10.94.0.0/24'))
  await waitForReady(project.test.client, SUBNET, project.at('dc'))
}, 90_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 90_000)

const egress = (minKbps: number) => ({ minimumBandwidths: [{ direction: 'egress', minKbps }] })
/** Placed as any other, and not started. */
const make = (name: string) =>
  project.createInstance(name, { runState: 'Stopped', networks: [{ networkRef: { name: 'dc' } }] })
const placed = (name: string) =>
  waitForObject<Instance>(project.test.client, INSTANCE, project.at(name), (one) => one?.status?.node !== undefined, {
    what: 'a node',
  })

test('each node takes one of those that want more than half of what it has; the next waits, and is told for what', async () => {
  for (const name of ['one', 'two']) await make(name)
  const nodes = [await placed('one'), await placed('two')].map((one) => one?.status?.node)
  expect(new Set(nodes).size).toBe(2)
  expect((await project.get('one')).status?.bandwidth).toEqual([
    { physicalNetwork: PHYSICAL_NETWORK, egressKbps: 600_000, ingressKbps: 0 },
  ])
  await make('three')
  const waits = { type: 'Scheduled', status: 'False', reason: 'NoValidHost' } as const
  const message = await waitForCondition(project.test.client, INSTANCE, project.at('three'), waits)
  expect(message).toContain('BandwidthFilter')
  await project.remove(INSTANCE, 'one')
  expect((await placed('three'))?.status?.node).toBe(nodes[0])
}, 120_000)

test('a policy that asks for less makes room', async () => {
  await make('four')
  const waits = { type: 'Scheduled', status: 'False', reason: 'NoValidHost' } as const
  await waitForCondition(project.test.client, INSTANCE, project.at('four'), waits)
  await project.patch(QOS_POLICY, 'gold', { spec: egress(300_000) })
  await placed('four')
}, 90_000)
