// SPDX-License-Identifier: Apache-2.0
// What every NetworkDriver must do. Called inside `describe` by the tests of each driver, including the one in memory.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { StaleWriterError, TransientError } from '../../lib/errors.ts'
import { until } from '../../lib/time/until.ts'
import type { NetworkDriver } from './network-driver.ts'
import { withExternalNetworks } from './external/external-networks.ts'
import { LOGICAL_KINDS, type LogicalKind, type LogicalPort, type LogicalWant } from './logical-kinds.ts'
import { announced, gateway, routed, WANTS } from './contract-wants.ts'

export interface BackendUnderTest extends AsyncDisposable {
  /** Another driver on the same backend, as a second operator would have. It claims no term. */
  open(): Promise<NetworkDriver>
  /** Changes with every write, and with nothing else. */
  versions(): Promise<unknown>
  /** Deletes the row of that resource, as somebody else would. */
  lose(kind: LogicalKind, uid: string): Promise<void>
}

const { Network: network, Subnet: subnet, Port: port } = WANTS

export function networkDriverContract(create: () => Promise<BackendUnderTest>): void {
  let backend: BackendUnderTest
  let driver: NetworkDriver
  /** As the operator has it. */
  const open = async () => withExternalNetworks(await backend.open())
  const signal = () => AbortSignal.timeout(10_000)
  const ensure = (want: LogicalWant, by = driver) => by.ensure(want, signal())
  const remove = (kind: LogicalKind, uid: string, by = driver) => by.remove(kind, uid, signal())
  const owned = async () => (await driver.listOwned(signal())).map(({ kind, uid }) => `${kind}/${uid}`).sort()
  const writesNothing = async (work: () => Promise<unknown>) => {
    const before = await backend.versions()
    await work()
    expect(await backend.versions()).toEqual(before)
  }
  const writes = async (work: () => Promise<unknown>) => {
    const before = await backend.versions()
    await work()
    expect(await backend.versions()).not.toEqual(before)
  }
  const notReady = async (want: LogicalWant) => {
    const refused = await ensure(want).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(TransientError)
    expect(refused).toMatchObject({ reason: 'NetworkNotReady' })
  }
  /** Makes everything that one of this kind may refer to. */
  const furnish = async (kind: LogicalKind) => {
    for (const lower of LOGICAL_KINDS.slice(0, LOGICAL_KINDS.indexOf(kind))) await ensure(WANTS[lower])
  }

  beforeEach(async () => {
    backend = await create()
    driver = await open()
    await driver.claimTerm(1, 1, signal())
  })
  afterEach(async () => {
    await backend[Symbol.asyncDispose]()
  })

  describe.each(LOGICAL_KINDS)('%s', (kind) => {
    const want = WANTS[kind]
    test('is made, listed as its own, changed and removed; and nothing is written twice', async () => {
      await furnish(kind)
      await writes(() => ensure(want))
      const row = async () => (await driver.listOwned(signal())).find((found) => found.kind === kind)
      const { uid, namespace, name } = want
      expect(await row()).toEqual({ kind, uid, namespace, name, generation: 1 })
      await writesNothing(() => ensure({ ...want }))
      await writes(() => ensure({ ...want, generation: 2 }))
      expect(await row()).toEqual({ kind, uid, namespace, name, generation: 2 })
      await writesNothing(() => ensure({ ...want, generation: 2 }))
      await writes(() => remove(kind, uid))
      expect(await row()).toBeUndefined()
      await writesNothing(() => remove(kind, uid))
    })
    test('what was never made is gone', async () => {
      await writesNothing(() => remove(kind, want.uid))
      expect(await owned()).toEqual([])
    })
    test('what another hand took away is made again, and whoever keeps the backend true was told', async () => {
      await furnish(kind)
      await ensure(want)
      let told = 0
      driver.onDisturbance(() => told++)
      await writesNothing(() => ensure(want))
      expect(told).toBe(0)
      await backend.lose(kind, want.uid)
      await until(() => told > 0, 'the driver tells of it')
      expect(await owned()).not.toContain(`${kind}/${want.uid}`)
      await ensure(want)
      expect(await owned()).toContain(`${kind}/${want.uid}`)
    })
  })

  test('a network is on a physical one, on another VLAN of it, without a tag, and on none', async () => {
    const on = (vlan?: number): LogicalWant => ({
      ...network,
      provider: { physicalNetwork: 'phys', ...(vlan === undefined ? {} : { vlan }) },
    })
    for (const want of [on(5), on(6), on(), { ...on(), provider: { physicalNetwork: 'other' } }, network, on(5)]) {
      await writes(() => ensure(want))
      await writesNothing(() => ensure(want))
    }
    expect(await owned()).toEqual(['Network/net'])
    await remove('Network', network.uid)
    expect(await owned()).toEqual([])
  })

  test('the same uid under another kind is another row', async () => {
    await ensure(network)
    await ensure({ ...WANTS.SecurityGroup, uid: network.uid })
    await remove('SecurityGroup', network.uid)
    expect(await owned()).toEqual(['Network/net'])
  })

  test('all at once: each plan is made on what the one before it wrote', async () => {
    await Promise.all([...LOGICAL_KINDS, ...LOGICAL_KINDS].map((kind) => ensure(WANTS[kind])))
    expect(await owned()).toEqual(LOGICAL_KINDS.map((kind) => `${kind}/${WANTS[kind].uid}`).sort())
    for (const kind of [...LOGICAL_KINDS].reverse()) await remove(kind, WANTS[kind].uid)
    expect(await owned()).toEqual([])
  })

  describe('a network that an SDN controller realises', () => {
    const controller = 'sdn.example.com/l2'
    test('has no row, nor has what is on it, and neither waits for anything', async () => {
      const wants: LogicalWant[] = [network, subnet, announced, port].map((want) => ({ ...want, controller }))
      const made: string[] = []
      driver.onMade(({ uid }) => made.push(uid))
      for (const want of [...wants, ...wants].reverse()) await writesNothing(() => ensure(want))
      expect([await owned(), made]).toEqual([[], []])
      for (const { kind, uid } of wants) await writesNothing(() => remove(kind, uid))
    })
    test('is none that a router, a balancer or a policy could stand on', async () => {
      await ensure({ ...network, controller })
      await ensure({ ...subnet, controller })
      await notReady(WANTS.Router)
      await notReady(WANTS.QoS)
      await notReady(WANTS.LoadBalancer)
    })
    test('others are as ever beside it', async () => {
      await ensure({ ...network, uid: 'net-2', controller })
      await writes(() => ensure(network))
      await ensure(subnet)
      await ensure(port)
      expect(await owned()).toEqual(['Network/net', 'Port/port', 'SecurityGroup/group', 'Subnet/sub'])
    })
  })

  describe('order', () => {
    test('a port waits for its network, and for its subnet where that has DHCP', async () => {
      await writesNothing(() => notReady(port))
      await ensure(network)
      await writesNothing(() => notReady(port))
      const silent: LogicalPort = { ...port, fixedIPs: [{ subnetUid: 'sub', address: '10.0.0.11', hasDhcp: false }] }
      await ensure(silent)
      await writesNothing(() => notReady(port))
      await ensure(subnet)
      await ensure(port)
      expect(await owned()).toContain('Port/port')
    })
    test('a subnet that the network announces waits for it', async () => {
      await writesNothing(() => notReady(announced))
      await ensure(network)
      await ensure(announced)
      expect(await owned()).toEqual(['Network/net', 'Subnet/sub-6'])
    })
    test('a router waits for the network of each subnet that it joins, and all else of it is there', async () => {
      await writes(() => notReady(WANTS.Router))
      await writesNothing(() => notReady(WANTS.Router))
      await writes(() => notReady({ ...WANTS.Router, routes: [] }))
      await ensure(network)
      await ensure(WANTS.Router)
      const far = { ...routed, uid: 'sub-2', networkUid: 'net-2', cidr: '10.0.1.0/24', gatewayIP: '10.0.1.1' }
      const both = { ...WANTS.Router, interfaces: [routed, far] }
      await writes(() => notReady(both))
      await writesNothing(() => notReady(both))
      await ensure({ ...network, uid: 'net-2' })
      await ensure(both)
      await writesNothing(() => ensure(both))
      await writes(() => ensure(WANTS.Router))
      await writesNothing(() => ensure(WANTS.Router))
      await writes(() => ensure({ ...WANTS.Router, routes: [] }))
      await writesNothing(() => ensure({ ...WANTS.Router, routes: [] }))
    })
    test('a firewall waits for a port of a router, and stands at the others', async () => {
      await ensure(network)
      await ensure(WANTS.Router)
      await ensure(WANTS.FirewallGroup)
      const { ports } = WANTS.FirewallGroup
      const late = { routerUid: 'router-2', legUid: 'leg', mac: 'fa:16:3e:00:00:99', addresses: ['10.0.0.99'] }
      const both = { ...WANTS.FirewallGroup, ports: [...ports, late], egress: [] }
      await writes(() => notReady(both))
      await writesNothing(() => notReady(both))
      const leg = { uid: 'leg', networkUid: 'net', mac: late.mac, mtu: 1442 }
      const addresses = [{ address: '10.0.0.99', cidr: '10.0.0.0/24' }]
      await ensure({ ...WANTS.Router, uid: 'router-2', interfaces: [], routes: [], ports: [{ ...leg, addresses }] })
      await ensure(both)
      await writesNothing(() => ensure(both))
    })
    test('a leg where a firewall is to stand waits for it, if it is new; one that is there does not', async () => {
      await ensure(network)
      const [leg = routed] = WANTS.Router.interfaces
      const guarded: LogicalWant = { ...WANTS.Router, interfaces: [{ ...leg, guarded: true }] }
      const pending = async () =>
        expect(await ensure(guarded).catch((error: unknown) => error)).toMatchObject({ reason: 'FirewallPending' })
      await writes(pending)
      await writesNothing(pending)
      await ensure(WANTS.FirewallGroup)
      await writesNothing(() => ensure(guarded))
      // What passes is not cut when the firewall is lost, or comes later.
      await remove('FirewallGroup', WANTS.FirewallGroup.uid)
      await ensure(guarded)
      await remove('Router', WANTS.Router.uid)
      await ensure(WANTS.Router)
      await ensure(guarded)
      // A new one that is to be guarded no longer is open.
      await remove('Router', WANTS.Router.uid)
      await pending()
      await ensure(WANTS.Router)
      await ensure(guarded)
    })
    test('a router has the addresses of a port beside another one at the gateway address, and lets it go', async () => {
      await ensure(network)
      await ensure(WANTS.Router)
      const leg = { uid: 'leg', networkUid: 'net', mac: 'fa:16:3e:00:00:99', mtu: 1442 }
      const second = { ...WANTS.Router, uid: 'router-2', interfaces: [], routes: [] }
      for (const address of ['10.0.0.99', '10.0.0.98']) {
        const withPort = { ...second, ports: [{ ...leg, addresses: [{ address, cidr: '10.0.0.0/24' }] }] }
        await writes(() => ensure(withPort))
        await writesNothing(() => ensure(withPort))
      }
      await writes(() => ensure(second))
      await writesNothing(() => ensure(second))
      await writesNothing(() => ensure(WANTS.Router))
    })
    test('a router waits for the network of its gateway, too, and a floating IP for its router', async () => {
      await ensure(network)
      const outward: LogicalWant = { ...WANTS.Router, gateway: { ...gateway, networkUid: 'net-2' } }
      await notReady(WANTS.FloatingIP)
      await notReady(outward)
      await ensure({ ...network, uid: 'net-2' })
      await ensure(outward)
      await writes(() => ensure(WANTS.FloatingIP))
      await writesNothing(() => ensure(outward))
      await writesNothing(() => ensure(WANTS.FloatingIP))
    })
    test('a floating IP moves from a port to another, to its node, and to another router', async () => {
      for (const kind of LOGICAL_KINDS) await ensure(WANTS[kind])
      await ensure({ ...WANTS.Router, uid: 'router-2', interfaces: [] })
      const fip = WANTS.FloatingIP
      const distributed = { portUid: 'port', mac: '2e:00:00:00:00:02' }
      for (const moved of [{ fixedAddress: '10.0.0.12' }, { distributed }, { routerUid: 'router-2' }, {}]) {
        await writes(() => ensure({ ...fip, ...moved }))
        await writesNothing(() => ensure({ ...fip, ...moved }))
        expect((await owned()).filter((row) => row.startsWith('FloatingIP'))).toEqual(['FloatingIP/fip'])
      }
    })
    test('port forwardings come, go and lead elsewhere, and move to another router and other networks', async () => {
      for (const kind of LOGICAL_KINDS) await ensure(WANTS[kind])
      await ensure({ ...network, uid: 'net-2' })
      await ensure({ ...WANTS.Router, uid: 'router-2', interfaces: [] })
      await notReady({ ...WANTS.PortForwarding, networkUids: ['net', 'net-3'] })
      const { forwardings: ssh } = WANTS.PortForwarding
      const range = {
        protocol: 'udp',
        externalPort: 5000,
        internalPort: 6000,
        count: 3,
        fixedAddress: '10.0.0.12',
      } as const
      for (const moved of [
        { forwardings: [...ssh, range] },
        { forwardings: [range] },
        { forwardings: [{ ...range, fixedAddress: '10.0.0.11' }] },
        { networkUids: ['net-2'] },
        { routerUid: 'router-2' },
        {},
      ]) {
        await writes(() => ensure({ ...WANTS.PortForwarding, ...moved }))
        await writesNothing(() => ensure({ ...WANTS.PortForwarding, ...moved }))
      }
      await remove('PortForwarding', 'fip')
      expect((await owned()).filter((row) => row.startsWith('PortForwarding'))).toEqual([])
    })
    test('a port goes by another one’s interface, with another tag, and by none', async () => {
      for (const kind of LOGICAL_KINDS) await ensure(WANTS[kind])
      const subport: LogicalPort = { ...port, uid: 'port-2', mac: 'fa:16:3e:00:00:02' }
      for (const parent of [{ portUid: 'port', vlan: 100 }, { portUid: 'port', vlan: 4094 }, undefined]) {
        const want = parent ? { ...subport, parent } : subport
        await writes(() => ensure(want))
        await writesNothing(() => ensure(want))
      }
    })
    test('a port of a host outside is served by some nodes, by others, by none, and goes', async () => {
      for (const kind of LOGICAL_KINDS) await ensure(WANTS[kind])
      const { node, ...outside } = port
      expect(node).toBeDefined()
      for (const servedBy of [['n1', 'n2'], ['n2', 'n1'], ['n3'], [], undefined]) {
        const want: LogicalPort = servedBy ? { ...outside, servedBy } : port
        await writes(() => ensure(want))
        await writesNothing(() => ensure(want))
      }
      await ensure({ ...outside, servedBy: ['n1'] })
      await remove('Port', port.uid)
      expect((await owned()).filter((row) => row.startsWith('Port/'))).toEqual([])
      await writesNothing(() => remove('Port', port.uid))
    })
    test('a port is virtual, with other parents, with none, and is not any more, and goes', async () => {
      for (const kind of LOGICAL_KINDS) await ensure(WANTS[kind])
      const { node, ...free } = port
      expect(node).toBeDefined()
      const address = '10.0.0.11'
      const parents = ['n1', 'n2', 'n3'].map((on) => ({ portUid: `on-${on}`, node: on }))
      for (const some of [parents.slice(0, 1), parents, parents.slice(1), [], undefined]) {
        const want: LogicalPort = some ? { ...free, virtual: { address, parents: some } } : free
        await writes(() => ensure(want))
        await writesNothing(() => ensure(want))
      }
      await ensure({ ...free, virtual: { address, parents } })
      await remove('Port', port.uid)
      expect((await owned()).filter((row) => row.startsWith('Port/'))).toEqual([])
    })
    test('a port gets DHCP options of its own, others, of another family too, and none', async () => {
      for (const kind of LOGICAL_KINDS) await ensure(WANTS[kind])
      await ensure(announced)
      const fixedIPs = [...port.fixedIPs, { subnetUid: 'sub-6', address: 'fd00::11', hasDhcp: true }]
      const ntp = (value: string) => ({ subnet, options: [{ name: 'ntp-server', value }] })
      const v6 = { subnet: announced, options: [{ name: 'dns-server', value: 'fd00::9' }] }
      for (const extraDhcp of [[ntp('10.0.0.8')], [ntp('10.0.0.9')], [ntp('10.0.0.9'), v6], [v6], []]) {
        const want: LogicalPort = { ...port, fixedIPs, extraDhcp }
        await writes(() => ensure(want))
        await writesNothing(() => ensure(want))
      }
      await ensure({ ...port, fixedIPs, extraDhcp: [ntp('10.0.0.8')] })
      await remove('Port', port.uid)
      await writesNothing(() => remove('Port', port.uid))
    })
    test('a gateway goes to other nodes, and goes', async () => {
      await ensure(network)
      const inward = WANTS.Router
      for (const nodes of [['n1', 'n2'], ['n2', 'n1'], ['n3']]) {
        const moved: LogicalWant = { ...inward, gateway: { ...gateway, nodes } }
        await writes(() => ensure(moved))
        await writesNothing(() => ensure(moved))
      }
      await writes(() => ensure(inward))
      await writesNothing(() => ensure(inward))
    })
    test('a port waits for no group: what it may not know yet lets nothing in', async () => {
      await ensure(network)
      await ensure(subnet)
      await ensure(port)
      await ensure(WANTS.SecurityGroup)
      expect(await owned()).toEqual(['Network/net', 'Port/port', 'SecurityGroup/group', 'Subnet/sub'])
      await writesNothing(() => ensure(port))
    })
    test('who waits is told once when what it waits for came to be', async () => {
      const made: string[] = []
      const end = driver.onMade(({ kind, uid }) => made.push(`${kind}/${uid}`))
      for (const kind of [...LOGICAL_KINDS, ...LOGICAL_KINDS]) await ensure(WANTS[kind])
      await ensure({ ...network, generation: 2 })
      expect(made).toEqual(['Network/net', 'Subnet/sub', 'Router/router'])
      await remove('Port', port.uid)
      await remove('Subnet', subnet.uid)
      await ensure(subnet)
      expect(made.slice(3)).toEqual(['Subnet/sub'])
      end()
      await ensure({ ...network, uid: 'net-2' })
      expect(made).toHaveLength(4)
    })
  })

  describe('terms', () => {
    const stale = async (work: () => Promise<unknown>) =>
      writesNothing(() => expect(work()).rejects.toBeInstanceOf(StaleWriterError))
    const other = { ...network, uid: 'net-2' }

    test('who claimed none may not write', async () => {
      const reader = await open()
      await stale(() => ensure(other, reader))
    })
    test.each([
      ['a later term', 1, 2],
      ['a later incarnation, whatever its term', 2, 0],
    ])('%s ends the one before: its writes are refused, and so is its claim', async (_, incarnation, term) => {
      await ensure(network)
      const next = await open()
      await next.claimTerm(incarnation, term, signal())
      for (let i = 0; i < 2; i++) {
        await stale(() => ensure(other))
        await stale(() => remove('Network', network.uid))
        await stale(() => driver.claimTerm(1, 1, signal()))
      }
      expect(await owned()).toEqual(['Network/net'])
      await ensure(other, next)
      await remove('Network', network.uid, next)
      await next.claimTerm(incarnation, term, signal())
      await ensure({ ...other, generation: 2 }, next)
      await until(async () => (await owned()).join() === 'Network/net-2', 'the first one reads what the next one wrote')
    })
  })
}
