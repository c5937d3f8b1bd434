// SPDX-License-Identifier: Apache-2.0
// What a Port that is a virtual function waits for, and a machine that is to have one.
import type { QuietCloud, Where } from '../quiet-cloud.ts'
import { GATEWAY } from './outside.ts'
import { port, vm, type WaitRow } from './row.ts'

const LIBVIRT = { 'nephele.dev/compute': 'libvirt' }
const DIRECT = { networkRef: { name: 'dc' }, vnicType: 'direct', portSecurityEnabled: false }
const ON = { networks: [{ portRef: { name: 'eth' } }] }
const functions = (c: QuietCloud, count: number, node = 'c1') => {
  const pciDevices = [
    { ...{ physicalNetwork: 'dc', vendorID: '8086', productID: '154c' }, count, direct: count, macvtap: count },
  ]
  c.operator.addNode(node, LIBVIRT, { physicalNetworks: [{ name: 'dc' }], pciDevices })
}
const gateway = (c: QuietCloud) => c.addNode('g1', {}, { physicalNetworks: [{ name: 'dc' }] }, GATEWAY)
const network = (c: QuietCloud) => {
  c.make('providerNetworks', 'dc')
  c.make('networks', 'dc', { provider: { providerNetworkRef: { name: 'dc' } } })
  c.subnet('dc', { networkRef: { name: 'dc' }, cidr: '10.1.0.0/24' })
  c.port('eth', DIRECT)
}
/** A machine that was placed without it names it, on a node that has none. */
const late = async (c: QuietCloud) => {
  network(c)
  gateway(c)
  functions(c, 0)
  await c.operator.rest()
  c.vm('vm', { networks: [] })
  await c.operator.rest()
  c.set('instances', 'vm', ON)
}
const where: Where = port

export const VIRTUAL_FUNCTION_ROWS: WaitRow[] = [
  {
    ...{ reason: 'NoValidHost', by: 'a virtual function', where: vm },
    waits: async (c) => {
      network(c)
      gateway(c)
      functions(c, 0)
      await c.operator.rest()
      c.vm('vm', ON)
    },
    ends: (c) => functions(c, 1),
  },
  {
    ...{ reason: 'NoGatewayNode', by: 'of a virtual function', where },
    waits: async (c) => {
      network(c)
      functions(c, 1)
      await c.operator.rest()
      c.vm('vm', ON)
    },
    ends: gateway,
  },
  ...([vm, where] as const).map((of): WaitRow => ({
    ...{ reason: of === vm ? 'InterfaceNotHere' : 'Unbound', by: 'a virtual function that there is not', where: of },
    waits: late,
    ends: (c) => functions(c, 1, c.nodeOf('vm')),
  })),
]
