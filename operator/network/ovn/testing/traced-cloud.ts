// SPDX-License-Identifier: Apache-2.0
// Two networks, their router and an external one, in a real OVN central without nodes: what traces are tried on.
import { OvsdbClient } from '../../../../lib/ovsdb/client.ts'
import { readNumber } from '../../../../lib/ovsdb/values.ts'
import { announcerMac } from '../../../../lib/contract/metadata-port.ts'
import type { LogicalByKind, LogicalWant } from '../../logical-kinds.ts'
import { OvnNetworkDriver } from '../ovn-network-driver.ts'
import { startCentral } from './central.ts'

const uid = (what: number, n: number) => `${String(what).repeat(8)}-0000-4000-8000-${String(n).padStart(12, '0')}`
export const NETWORK = { front: uid(1, 1), back: uid(1, 2), outside: uid(1, 3) }
export const SUBNET = { front: uid(2, 1), back: uid(2, 2) }
export const PORT = { client: uid(3, 1), web: uid(3, 2), db: uid(3, 3) }
export const GROUP = { open: uid(4, 1), web: uid(4, 2) }
export const ROUTER = uid(5, 1)
const FLOATING_IP = uid(6, 1)
export const FIREWALL = uid(7, 1)

export const MAC = { client: '0a:00:00:00:00:01', web: '0a:00:00:00:00:02', db: '0a:00:00:00:00:03' }
export const GATEWAY_MAC = { front: announcerMac(SUBNET.front), back: announcerMac(SUBNET.back) }
export const OUTSIDE_MAC = '0a:00:00:00:0e:01'
export const FLOATING_MAC = '0a:00:00:00:0f:01'

const owner = (uid: string, name: string) => ({ uid, namespace: 'team', name, generation: 1 })

const network = (name: keyof typeof NETWORK): LogicalByKind['Network'] => ({
  ...{ kind: 'Network', ...owner(NETWORK[name], name), mtu: 1442 },
  ...(name === 'outside' ? { provider: { physicalNetwork: 'outside' } } : {}),
})

const subnet = (name: keyof typeof SUBNET, third: number): LogicalByKind['Subnet'] & { gatewayIP: string } => ({
  ...{ kind: 'Subnet', ...owner(SUBNET[name], name), networkUid: NETWORK[name], mtu: 1442 },
  ...{ cidr: `10.0.${third}.0/24`, gatewayIP: `10.0.${third}.1` },
  dhcp: { leaseSeconds: 3600, dnsNameservers: [], hostRoutes: [] },
})

const port = (
  name: keyof typeof PORT,
  on: keyof typeof SUBNET,
  address: string,
  groups: readonly string[],
): LogicalByKind['Port'] => ({
  ...{ kind: 'Port', ...owner(PORT[name], name), networkUid: NETWORK[on], mac: MAC[name], node: 'n1' },
  fixedIPs: [{ subnetUid: SUBNET[on], address, hasDhcp: true }],
  ...{ portSecurityEnabled: true, securityGroupUids: groups, allowedAddressPairs: [], isShared: false },
})

export const router = (more: Partial<LogicalByKind['Router']> = {}): LogicalByKind['Router'] => ({
  ...{ kind: 'Router', ...owner(ROUTER, 'main'), ports: [], routes: [] },
  interfaces: [subnet('front', 1), subnet('back', 2)],
  ...more,
})

export const GATEWAY: NonNullable<LogicalByKind['Router']['gateway']> = {
  ...{ networkUid: NETWORK.outside, mac: OUTSIDE_MAC, mtu: 1500, nodes: ['n1'], snatAddress: '203.0.113.10' },
  addresses: [{ address: '203.0.113.10', prefixLength: 24 }],
  nextHops: ['203.0.113.1'],
}

export const floatingIP = (distributed: boolean): LogicalByKind['FloatingIP'] => ({
  ...{ kind: 'FloatingIP', ...owner(FLOATING_IP, 'db'), routerUid: ROUTER },
  ...{ externalAddress: '203.0.113.20', fixedAddress: '10.0.2.13' },
  ...(distributed ? { distributed: { portUid: PORT.db, mac: FLOATING_MAC } } : {}),
})

export const firewall = (
  direction: 'ingress' | 'egress',
  ...actions: ('allow' | 'deny' | 'reject')[]
): LogicalByKind['FirewallGroup'] => ({
  ...{ kind: 'FirewallGroup', ...owner(FIREWALL, 'edge') },
  ports: [{ routerUid: ROUTER, legUid: SUBNET.back, addresses: ['10.0.2.1'] }],
  ...(direction === 'egress' ? { ports: [{ routerUid: ROUTER, legUid: SUBNET.front, addresses: ['10.0.1.1'] }] } : {}),
  [direction]: [
    { action: 'allow', etherType: 'IPv4', protocol: 'udp', source: {}, destination: {} },
    ...actions.map((action) => ({
      ...{ action, etherType: 'IPv4', protocol: 'tcp', destination: {} },
      source: { prefix: '10.0.1.0/24' },
    })),
  ],
})

const passing = { direction: 'egress', etherType: 'IPv4', protocol: 'any' } as const
const BASIS: LogicalWant[] = [
  ...(['front', 'back', 'outside'] as const).map(network),
  subnet('front', 1),
  subnet('back', 2),
  { kind: 'SecurityGroup', ...owner(GROUP.open, 'open'), rules: [passing] },
  {
    ...{ kind: 'SecurityGroup', ...owner(GROUP.web, 'web') },
    rules: [
      passing,
      { direction: 'ingress', etherType: 'IPv4', protocol: 'tcp', portRangeMin: 80, portRangeMax: 80 },
      { direction: 'ingress', etherType: 'IPv4', protocol: 'icmp' },
    ],
  },
  port('client', 'front', '10.0.1.11', [GROUP.open]),
  port('web', 'front', '10.0.1.12', [GROUP.web]),
  port('db', 'back', '10.0.2.13', [GROUP.web]),
]

export async function startTracedCloud() {
  const central = await startCentral()
  const command = central.programs.argv('usr/bin/ovn-trace')
  const driver = new OvnNetworkDriver({
    remotes: [central.northbound],
    trace: { command, database: `unix:${central.southbound.path}`, memoryMiB: 512 },
  })
  const { signal, abort } = stopping()
  driver.start(signal)
  await driver.claimTerm(1, 1, signal)
  const ensure = async (...wants: LogicalWant[]) => {
    for (const want of wants) await driver.ensure(want, signal)
  }
  await ensure(...BASIS)
  const raw = new OvsdbClient({
    ...{ database: 'OVN_Northbound', remotes: [central.northbound] },
    tables: { NB_Global: { columns: ['nb_cfg'] } },
  })
  raw.start(signal)
  return {
    driver,
    /** How often northd was asked whether it is through. */
    asked: async () => {
      const [{ rows } = {}] = await raw.transact([{ op: 'select', table: 'NB_Global', where: [] }], signal)
      return readNumber(rows?.[0]?.['nb_cfg'])
    },
    signal,
    ensure,
    stop: async () => {
      abort()
      await Promise.all([driver.close(), raw.close()])
      await central.stop()
    },
  }
}

function stopping() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort() }
}
