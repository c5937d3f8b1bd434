// SPDX-License-Identifier: Apache-2.0
// A Port that is a virtual function, on nodes that have no card for it: what is wrong is found by the node, said, and keeps the machine from being
// placed, and what serves such a Port is there. (A card with SR-IOV is on no machine that tests run on.)
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { COMPUTE_NODE, INSTANCE, NETWORK, PORT, PROVIDER_NETWORK, SUBNET } from '../../lib/api/kinds.ts'
import type { ComputeNode, Port, ProviderNetwork } from '../../lib/api/types.ts'
import { PHYSICAL_NETWORK } from '../../local/cloud/external-network.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
const direct = { vnicType: 'direct', portSecurityEnabled: false }
beforeAll(async () => {
  project = await Project.create('direct')
}, 120_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

test('a Port that goes past the switch has to say that nothing guards it', async () => {
  const guarded = draft.port(project.at('guarded'), 'dc', { vnicType: 'macvtap' })
  await expect(project.create(PORT, guarded)).rejects.toThrow('write portSecurityEnabled: false')
})

test('nodes look at their cards; without one a machine finds no node, and says what lacks', async () => {
  const { client, networkNode } = project.test
  const spec = draft.providerNetwork({
    ...{ physicalNetwork: PHYSICAL_NETWORK, vlanRanges: [{ minimum: 3031, maximum: 3031 }] },
    nodes: [{ interface: 'eth2', physicalFunctions: ['eth2'] }],
  })
  const { metadata } = await project.createClusterWide(PROVIDER_NETWORK, 'dc', spec)
  await waitUntilTrue('what is wrong with the card is told', async () => {
    const { status } = await client.get<ProviderNetwork>(PROVIDER_NETWORK, { name: metadata.name })
    return (status?.troubles ?? []).some(({ message }) => message.includes('interface eth2 is no card with SR-IOV'))
  })
  // They are connected all the same.
  await waitForReady(client, PROVIDER_NETWORK, { name: metadata.name })
  const node = await client.get<ComputeNode>(COMPUTE_NODE, { name: networkNode })
  expect(node.status?.inventory?.pciDevices).toEqual([])

  await project.create(
    NETWORK,
    draft.network(project.at('dc'), { provider: { providerNetworkRef: { name: metadata.name } } }),
  )
  await project.create(SUBNET, draft.subnet(project.at('dc'), 'dc', '10.94.0.0/24'))
  await project.create(PORT, draft.port(project.at('fast'), 'dc', direct))
  const port = await waitForReady<Port>(client, PORT, project.at('fast'))
  expect(port.status).toMatchObject({ state: 'DOWN', gateways: [networkNode], portSecurityEnabled: false })
  await project.createInstance('vm', { networks: [{ portRef: { name: 'fast' } }] })
  const waits = { type: 'Reconciling', status: 'True', reason: 'NoValidHost' }
  expect(await waitForCondition(client, INSTANCE, project.at('vm'), waits)).toMatch(
    /PciPassthroughFilter \d+ \(\S+ has 0 of 0 virtual functions for vnicType direct of physical network \S+ free, 1 wanted\)/,
  )
  await project.remove(INSTANCE, 'vm')
  await project.remove(PORT, 'fast')
}, 120_000)
