// SPDX-License-Identifier: Apache-2.0
// What nobody can have, and what only another can: each says by what, and what helps.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { NETWORK, PROVIDER_NETWORK } from '../../lib/api/kinds.ts'
import { EXTERNAL_NETWORK, PHYSICAL_NETWORK } from '../../local/cloud/external-network.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

const flat = { name: PHYSICAL_NETWORK }
let project: Project
beforeAll(async () => {
  project = await Project.create('provider-bad', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const createNetwork = (name: string, providerNetworkRef: { name: string }, more: object = {}) =>
  project.create(NETWORK, draft.network(project.at(name), { provider: { providerNetworkRef, ...more } }))
const says = (name: string, reason: string) =>
  waitForCondition(project.test.client, NETWORK, project.at(name), { type: 'Ready', status: 'False', reason })

test.each([
  ['VLANs of a flat one', { type: 'flat', vlanRanges: [{ minimum: 1, maximum: 2 }] }, 'leave them out'],
  ['an interface and a bridge', { nodes: [{ interface: 'eth2', bridge: 'br' }] }, 'write either interface'],
  ['neither', { nodes: [{}] }, 'write either interface'],
])('%s is refused at once', async (_, spec, message) => {
  const create = project.createClusterWide(PROVIDER_NETWORK, 'bad', draft.providerNetwork(spec))
  await expect(create).rejects.toThrow(message)
})

test('a flat one is one Network, without VLANs', async () => {
  await createNetwork('second', flat)
  expect(await says('second', 'SegmentInUse')).toContain(`${EXTERNAL_NETWORK}/${EXTERNAL_NETWORK}`)
  await createNetwork('tagged', flat, { segmentationID: 5 })
  expect(await says('tagged', 'NoVLANs')).toContain('make a Network without segmentationID')
}, 60_000)

test('a VLAN that another Network has is had once that one is gone', async () => {
  const { client } = project.test
  const spec = draft.providerNetwork({ physicalNetwork: PHYSICAL_NETWORK, vlanRanges: [] })
  const { metadata } = await project.createClusterWide(PROVIDER_NETWORK, 'dc', spec)
  await createNetwork('one', metadata, { segmentationID: 3005 })
  await waitForReady(client, NETWORK, project.at('one'))
  await createNetwork('two', metadata, { segmentationID: 3005 })
  expect(await says('two', 'SegmentInUse')).toMatch(/VLAN 3005 of physical network .*\/one/)
  await createNetwork('any', metadata)
  expect(await says('any', 'NoFreeSegment')).toContain('has no vlanRanges')
  await project.remove(NETWORK, 'one')
  await waitForReady(client, NETWORK, project.at('two'))
}, 60_000)

test('an interface that nodes do not have, and one that they have for another, are said by node', async () => {
  const { client } = project.test
  const { metadata: nowhere } = await project.createClusterWide(
    PROVIDER_NETWORK,
    'nowhere',
    draft.providerNetwork({ nodes: [{ interface: 'eth99' }] }),
  )
  await waitForCondition(client, PROVIDER_NETWORK, nowhere, {
    ...{ type: 'Reconciling', reason: 'NodesNotConnected' },
    message: /nodes not connected: nodes? .*eth99/,
  })
  const { metadata: other } = await project.createClusterWide(
    PROVIDER_NETWORK,
    'other',
    draft.providerNetwork({ physicalNetwork: PHYSICAL_NETWORK, nodes: [{ bridge: 'br-other' }] }),
  )
  const conflict = await waitForCondition(client, PROVIDER_NETWORK, other, {
    type: 'Reconciling',
    reason: 'MappingConflict',
  })
  expect(conflict).toContain(`ProviderNetwork ${PHYSICAL_NETWORK} connects it by interface eth2, not bridge br-other`)
}, 60_000)
