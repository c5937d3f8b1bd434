// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { KubeNode, ProviderNetwork } from '../../../lib/api/types.ts'
import { stored } from '../../testing/memory-deps.ts'
import { bandwidthOfNode } from './bandwidth.ts'

type Nodes = NonNullable<ProviderNetwork['spec']['nodes']>
const node = { metadata: { name: 'n1', uid: 'u', labels: { rack: 'r1' } } } as unknown as KubeNode
const dc = (name: string, nodes: Nodes, more: Partial<ProviderNetwork['spec']> = {}) =>
  stored<ProviderNetwork>(name, { type: 'vlan', nodes, ...more }, { namespace: '' })
const at = (egressKbps?: number, ingressKbps?: number, more: Partial<Nodes[number]> = {}): Nodes[number] => ({
  ...{ bridge: 'br-dc', ...more },
  bandwidth: { ...(egressKbps ? { egressKbps } : {}), ...(ingressKbps ? { ingressKbps } : {}) },
})
const r2 = { nodeSelector: { matchLabels: { rack: 'r2' } } }

test.each<[string, ProviderNetwork[], unknown]>([
  ['none', [dc('dc', [{ bridge: 'br-dc' }])], {}],
  ['one direction', [dc('dc', [at(5)])], { dc: { egressKbps: 5, ingressKbps: 0 } }],
  [
    'the first entry that matches',
    [dc('dc', [at(1, 1, r2), at(5, 6), at(7, 8)])],
    { dc: { egressKbps: 5, ingressKbps: 6 } },
  ],
  ['that of no node here', [dc('dc', [at(1, 1, r2)])], {}],
  [
    'the oldest that says it, by the name of the physical network',
    [
      dc('flat', [{ bridge: 'br-dc' }], { physicalNetwork: 'dc' }),
      dc('vlans', [at(5, 6)], { physicalNetwork: 'dc' }),
      dc('more', [at(7, 8)], { physicalNetwork: 'dc' }),
    ],
    { dc: { egressKbps: 5, ingressKbps: 6 } },
  ],
  [
    'none of one that does not count',
    [dc('a', [{ bridge: 'br-a' }], { physicalNetwork: 'dc' }), dc('b', [at(5, 6)], { physicalNetwork: 'dc' })],
    {},
  ],
])('%s', (_, inForce, expected) => {
  expect(bandwidthOfNode(node, inForce)).toEqual(expected)
})
