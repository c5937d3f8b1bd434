// SPDX-License-Identifier: Apache-2.0
// Waits on a Network that an SDN controller realises.
import { saysOf } from '../answers.ts'
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { anew, automaticPort, vm, type WaitRow } from './row.ts'

export const CONTROLLER = 'sdn.example.com/l2'
const controller = (...features: string[]) => ({ controller: { name: CONTROLLER, features } })
const OPEN = { portSecurityEnabled: false }

/** A Network of it, without port security, and a Subnet without DHCP unless told otherwise. */
export function makeExternal(
  c: QuietCloud,
  {
    features = [],
    network = OPEN,
    subnet = { dhcp: { enabled: false } },
  }: { features?: string[]; network?: object; subnet?: object } = {},
): void {
  c.make('providerNetworks', 'sdn', {
    type: 'external',
    vlanRanges: undefined,
    nodes: [{ bridge: 'br-sdn' }],
    ...controller(...features),
  })
  c.make('networks', 'fabric', { provider: { providerNetworkRef: { name: 'sdn' } }, ...network })
  c.subnet('fabric-v4', { networkRef: { name: 'fabric' }, cidr: '10.7.0.0/24', ...subnet })
  for (const node of ['c1', 'c2']) c.operator.report(node, { physicalNetworks: [{ name: 'sdn' }] })
}

const ON_FABRIC = { networks: [{ networkRef: { name: 'fabric' } }] }
const fabric: Where = ['networks', ns('fabric')]

const FEATURE_ROWS: WaitRow[] = [
  {
    ...{ reason: 'UnsupportedByDriver', by: 'its controller does SecurityGroups', where: fabric },
    waits: (c) => makeExternal(c, { network: {} }),
    ends: (c) => c.set('providerNetworks', 'sdn', controller('SecurityGroups')),
  },
  {
    ...{ reason: 'UnsupportedByDriver', by: 'its controller does DHCP', where: ['subnets', ns('fabric-v4')] },
    waits: (c) => makeExternal(c, { subnet: {} }),
    ends: (c) => c.set('providerNetworks', 'sdn', controller('DHCP')),
  },
  {
    ...{ reason: 'UnsupportedByDriver', by: 'its controller does SecurityGroups', where: ['ports', ns('eth')] },
    waits: (c) => {
      makeExternal(c)
      c.port('eth', { networkRef: { name: 'fabric' }, portSecurityEnabled: true })
    },
    ends: (c) => c.set('providerNetworks', 'sdn', controller('SecurityGroups')),
  },
]

/** What names others waits until one of the same name is elsewhere. */
const ELSEWHERE_ROWS: WaitRow[] = [
  {
    ...{ reason: 'UnsupportedByDriver', by: 'its Subnet is made anew on another Network', where: ['routers', ns('r')] },
    waits: (c) => {
      makeExternal(c)
      c.make('routers', 'r', { interfaces: [{ subnetRef: { name: 'fabric-v4' } }] })
    },
    ends: anew('subnets', 'fabric-v4', (c) => c.subnet('fabric-v4', { cidr: '10.7.0.0/24' })),
  },
  {
    ...{ reason: 'UnsupportedByDriver', by: 'its Port is made anew on another Network', where: ['trunks', ns('t')] },
    waits: (c) => {
      makeExternal(c)
      c.port('eth', { networkRef: { name: 'fabric' } })
      c.make('trunks', 't', { portRef: { name: 'eth' } })
    },
    ends: anew('ports', 'eth', (c) => c.port('eth')),
  },
]

/** A machine's Port that its node has plugged, and of which the controller says nothing, or no. */
const WORD_ROWS: WaitRow[] = ['ExternalControllerSilent', 'RefusedByController'].flatMap((reason) =>
  (['its Port', 'the machine'] as const).map((who): WaitRow => ({
    reason: who === 'its Port' ? reason : 'AttachingNetwork',
    by: who === 'its Port' ? 'until its word comes' : `${reason} of its Port, until the word comes`,
    where: who === 'its Port' ? (c) => automaticPort(c) : vm,
    waits: (c) => {
      makeExternal(c)
      const error = { reason, message: 'what the agent says', terminal: false }
      c.operator.answer = saysOf('port', () => ({ state: 'plugging', facts: { ovnInstalled: false }, error }))
      c.vm('vm', ON_FABRIC)
    },
    ends: (c) => c.answersAll(),
  })),
)

export const EXTERNAL_NETWORK_ROWS: WaitRow[] = [...FEATURE_ROWS, ...ELSEWHERE_ROWS, ...WORD_ROWS]
