// SPDX-License-Identifier: Apache-2.0
// Ports of vnicType direct and macvtap: their machine goes where a virtual function is free, its node is told of which network, and gateway nodes
// answer for what OVN does not see.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { FloatingIP, Instance, Port } from '../../lib/api/types.ts'
import type { Inventory, PortDocument } from '../../lib/contract/documents.ts'
import { saysOf, wellAnswered } from '../testing/answers.ts'
import { ns, QuietCloud } from '../testing/quiet-cloud.ts'
import { GATEWAY, legs } from '../testing/waits/outside.ts'

const pools = (count: number, direct = count, macvtap = count): Partial<Inventory> => ({
  physicalNetworks: [{ name: 'dc' }],
  pciDevices: [{ physicalNetwork: 'dc', numaCell: 0, vendorID: '8086', productID: '154c', count, direct, macvtap }],
})
const LIBVIRT = { 'nephele.dev/compute': 'libvirt' }
const dc = (vnicType: 'direct' | 'macvtap' = 'direct') => ({
  ...{ networkRef: { name: 'dc' }, vnicType, portSecurityEnabled: false },
})
let c: QuietCloud
beforeEach(async () => {
  c = await QuietCloud.furnished()
  c.make('providerNetworks', 'dc', { nodes: [{ interface: 'ens1f0', physicalFunctions: ['ens1f1', 'ens1f0'] }] })
  c.make('networks', 'dc', { provider: { providerNetworkRef: { name: 'dc' }, segmentationID: 150 } })
  c.subnet('dc', { networkRef: { name: 'dc' }, cidr: '10.1.0.0/24' })
  c.operator.addNode('c1', LIBVIRT, { physicalNetworks: [{ name: 'dc' }] })
  c.operator.addNode('c2', LIBVIRT, pools(2))
  c.addNode('g1', {}, { physicalNetworks: [{ name: 'dc' }] }, GATEWAY)
  c.operator.answer = saysOf('port', (document) => {
    const said = wellAnswered(document)
    return said && { ...said, facts: { ...said.facts, virtualFunction: { address: '0000:03:10.2' } } }
  })
  await c.operator.rest()
})
const machine = async (name: string, ...ports: string[]) => {
  c.vm(name, { networks: ports.map((port) => ({ portRef: { name: port } })) })
  await c.operator.rest()
  return c.operator.get('instances', ns(name)) as Instance
}
const port = (name: string) => c.operator.get('ports', ns(name)) as Port
const rowOf = (name: string) => c.operator.world.network.rows.of('Port').get(c.uidOf(name, 'ports'))

test('nodes are told of their cards', async () => {
  const { deps } = c.operator.world
  const [document] = deps.bus.desired.list().filter(({ kind, node }) => kind === 'node' && node === 'c2')
  expect((await deps.bus.desired.read('c2', 'node', document?.uid ?? '')) ?? {}).toMatchObject({
    spec: { physicalNetworks: [{ name: 'dc', interface: 'ens1f0', physicalFunctions: ['ens1f0', 'ens1f1'] }] },
  })
})

test('the machine is where one is free; the node gives it, and gateway nodes serve it', async () => {
  c.port('eth', dc())
  expect((await machine('vm', 'eth')).status).toMatchObject({
    node: 'c2',
    pciDevices: [{ physicalNetwork: 'dc', direct: 1, macvtap: 0 }],
  })
  expect(port('eth').status).toMatchObject({
    state: 'ACTIVE',
    node: 'c2',
    pciAddress: '0000:03:10.2',
    gateways: ['g1'],
  })
  const { spec } = (await c.operator.world.bus.desired.read('c2', 'port', c.uidOf('eth', 'ports'))) as PortDocument
  expect(spec).toMatchObject({
    vnicType: 'direct',
    virtualFunction: { physicalNetwork: 'dc', vlan: 150 },
    // The resolver of the node is behind its switch.
    fixedIPs: [{ dhcp: true, dnsNameservers: [] }],
  })
  expect(rowOf('eth')).toMatchObject({ servedBy: ['g1'], hostname: 'vm', portSecurityEnabled: false })
  expect(rowOf('eth')).not.toHaveProperty('node')
  expect(c.operator.reason('ports', ns('eth'))).toBe('Ready')
})

test('what is claimed is not given twice, and free when a machine goes', async () => {
  for (const name of ['a', 'b', 'c']) c.port(name, dc(name === 'b' ? 'macvtap' : 'direct'))
  await machine('one', 'a', 'b')
  const third = await machine('two', 'c')
  expect(c.operator.reason('instances', ns('two'))).toBe('NoValidHost')
  expect(third.status?.scheduling?.filters).toContainEqual({
    ...{ name: 'PciPassthroughFilter', refused: 2 },
    example: 'c1 has 0 of 0 virtual functions for vnicType direct of physical network dc free, 1 wanted',
  })
  c.operator.remove('instances', ns('one'))
  await c.operator.rest()
  expect(c.operator.get('instances', ns('two'))).toMatchObject({ status: { node: 'c2' } })
})

test('interfaces come and go while the machine runs, each with its claim; one for which there is none waits', async () => {
  for (const name of ['a', 'b', 'c']) c.port(name, dc())
  const claims = (name: string) => (c.operator.get('instances', ns(name)) as Instance).status?.pciDevices?.[0]?.direct
  const on = (name: string, ...ports: string[]) =>
    c.set('instances', name, { networks: ports.map((of) => ({ portRef: { name: of } })) })
  await machine('one', 'a', 'b')
  on('one', 'a')
  await c.operator.rest()
  expect([claims('one'), port('b').status?.pciAddress]).toEqual([1, undefined])
  expect((await machine('two', 'b')).status?.node).toBe('c2')
  on('two', 'b', 'c')
  await c.operator.rest()
  expect(c.operator.reason('instances', ns('two'))).toBe('InterfaceNotHere')
  // Or it would take one that another machine has claimed.
  expect([c.operator.reason('ports', ns('c')), port('c').status?.pciAddress, claims('two')]).toEqual([
    ...['Unbound', undefined, 1],
  ])
  expect(c.operator.world.bus.desired.find('c2', 'port', c.uidOf('c', 'ports'))).toBeUndefined()
  c.operator.remove('instances', ns('one'))
  await c.operator.rest()
  expect([c.operator.reason('instances', ns('two')), claims('two')]).toEqual(['Ready', 2])
  expect(port('c').status).toMatchObject({ state: 'ACTIVE', node: 'c2', pciAddress: '0000:03:10.2' })
})

test('what the node gives up says why', async () => {
  const message = 'no virtual function of physical network dc is left on the node for vnicType direct: all are taken'
  c.operator.answer = saysOf('port', () => ({
    state: 'failed',
    error: { reason: 'NoVirtualFunction', message, terminal: false },
    facts: {},
  }))
  c.port('eth', dc())
  await machine('vm', 'eth')
  expect(c.operator.reason('ports', ns('eth'))).toBe('NoVirtualFunction')
})

describe('it is not had', () => {
  test('on a Network that is no physical one, which keeps its machine from being placed', async () => {
    c.port('eth', { ...dc(), networkRef: { name: 'lan' } })
    await machine('vm', 'eth')
    expect(c.operator.reason('ports', ns('eth'))).toBe('NoPhysicalNetwork')
    expect(c.operator.reason('instances', ns('vm'))).toBe('PortNotReady')
  })
  test('by a project that the Network is shared with: nothing would keep it from the addresses of others', async () => {
    c.operator.create(
      'networks',
      { namespace: 'infra', name: 'dc' },
      {
        provider: { providerNetworkRef: { name: 'dc' } },
        sharedWith: [{ namespace: 'ns' }],
      },
    )
    c.operator.create(
      'subnets',
      { namespace: 'infra', name: 'dc' },
      { networkRef: { name: 'dc' }, cidr: '10.2.0.0/24' },
    )
    c.port('eth', { ...dc(), networkRef: { namespace: 'infra', name: 'dc' } })
    await c.operator.rest()
    expect(c.operator.reason('ports', ns('eth'))).toBe('NotPermitted')
    expect(rowOf('eth')).toBeUndefined()
  })
  test('as a part of a Trunk', async () => {
    c.port('eth', dc())
    await c.operator.rest()
    c.make('trunks', 't', { portRef: { name: 'eth' }, subports: [] })
    await c.operator.rest()
    expect(c.operator.reason('trunks', ns('t'))).toBe('PortExternal')
  })
})

test('a FloatingIP is translated by the gateway, not by the node that does not see its packets', async () => {
  c.make('networks', 'public', { external: true, provider: { providerNetworkRef: { name: 'dc' } } })
  c.subnet('public', { networkRef: { name: 'public' }, cidr: '203.0.113.0/24', dhcp: { enabled: false } })
  c.make('routers', 'r', { ...legs('dc'), externalGateway: { networkRef: { name: 'public' } } })
  c.port('eth', dc())
  await machine('vm', 'eth')
  c.make('floatingIPs', 'fip', { networkRef: { name: 'public' }, portRef: { name: 'eth' } })
  await c.operator.rest()
  const { status } = c.operator.get('floatingIPs', ns('fip')) as FloatingIP
  expect(status).toMatchObject({ state: 'ACTIVE', port: 'eth', distributed: false })
})
