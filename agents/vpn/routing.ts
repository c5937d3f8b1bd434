// SPDX-License-Identifier: Apache-2.0
// How packets go through the namespace of a VPN: from the router into the tunnel, from the tunnel to the router, and nowhere else. What comes from
// outside is for charon or nobody. While there is no tunnel device, what is for a peer is refused, so that it never leaves in clear.
import { existsSync } from 'node:fs'
import { TRANSIT, TRANSIT_V6, type VpnSpec } from '../../lib/contract/vpn.ts'
import { exec } from '../../lib/exec.ts'
import { SERVICE_INNER } from '../network/service-ports.ts'
import { ipInside, namespaceFileOf } from '../network/veth-namespace.ts'
import { TUNNEL_DEVICE } from './charon-config.ts'

/** The router's link inside the namespace. */
export const TRANSIT_INNER = 'transit0'
const TIMEOUT_MS = 10_000
const [FROM_ROUTER, FROM_TUNNEL] = [1000, 1001]
/** Of a route that counts while no other does: those of IPv6 without a metric have 1024. */
const LAST = 4096
const FAMILIES = ['-4', '-6'] as const
type Family = (typeof FAMILIES)[number]

/** In order of priority. */
const RULES = [
  { priority: 1000, text: `iif ${TRANSIT_INNER} lookup ${FROM_ROUTER}` },
  { priority: 1001, text: `iif ${TUNNEL_DEVICE} lookup ${FROM_TUNNEL}` },
  { priority: 1002, text: `iif ${SERVICE_INNER} blackhole` },
] as const

interface Routes {
  /** Lines for ip(8), without `route replace`, by table. */
  [table: string]: readonly string[]
}

/** All routes of a family in the namespace but those of the outer interface. Pure. */
export function planRoutes(
  { connections }: Pick<VpnSpec, 'connections'>,
  family: Family,
  hasTunnelDevice: boolean,
): Routes {
  const peers = sorted(connections.flatMap(({ peerCIDRs }) => peerCIDRs).filter((cidr) => familyOf(cidr) === family))
  const local = sorted(connections.flatMap(({ localCIDRs }) => localCIDRs).filter((cidr) => familyOf(cidr) === family))
  const toRouter = local.map((cidr) => `${cidr} via ${routerOf(family)} dev ${TRANSIT_INNER}`)
  return {
    main: toRouter,
    [FROM_ROUTER]: [
      `unreachable default metric ${LAST}`,
      ...peers.map((cidr) => `unreachable ${cidr} metric ${LAST}`),
      ...(hasTunnelDevice ? peers.map((cidr) => `${cidr} dev ${TUNNEL_DEVICE}`) : []),
    ],
    [FROM_TUNNEL]: [`unreachable default metric ${LAST}`, ...toRouter],
  }
}

function familyOf(cidr: string): Family {
  return cidr.includes(':') ? '-6' : '-4'
}

function routerOf(family: Family): string {
  return family === '-6' ? TRANSIT_V6.router : TRANSIT.router
}

function sorted(cidrs: readonly string[]): string[] {
  return [...new Set(cidrs)].sort()
}

interface HeldRoute {
  type?: string
  dst: string
  dev?: string
  gateway?: string
  metric?: number
  protocol?: string
}

/** As planRoutes writes it. Pure. */
export function lineOf({ type, dst, gateway, dev, metric }: HeldRoute): string {
  const cidr = dst === 'default' || dst.includes('/') ? dst : `${dst}/${dst.includes(':') ? 128 : 32}`
  if (type !== undefined && type !== 'unicast')
    return `${type} ${cidr}${metric === undefined ? '' : ` metric ${metric}`}`
  return `${cidr}${gateway === undefined ? '' : ` via ${gateway}`} dev ${dev ?? ''}`
}

/** Makes and removes what differs. @param name of the namespace */
export async function ensureRouting(name: string, spec: VpnSpec, signal: AbortSignal): Promise<void> {
  const hasTunnelDevice = await hasDevice(name, signal)
  for (const family of FAMILIES) {
    if (family === '-6' && !existsSync(IPV6)) continue
    const lines = [
      ...(await changedRoutes(name, spec, { family, hasTunnelDevice }, signal)),
      ...(await missingRules(name, family, signal)),
    ]
    if (lines.length > 0) await ipInside(name, lines, signal, family)
  }
}

async function changedRoutes(
  name: string,
  spec: VpnSpec,
  { family, hasTunnelDevice }: { family: Family; hasTunnelDevice: boolean },
  signal: AbortSignal,
): Promise<string[]> {
  const lines: string[] = []
  const all = await listRoutes(name, family, signal)
  for (const [table, wanted] of Object.entries(planRoutes(spec, family, hasTunnelDevice))) {
    const held = all.filter(
      (route) => (route.table ?? 'main') === table && (table !== 'main' || route.gateway === routerOf(family)),
    )
    const present = held.map(lineOf)
    lines.push(
      ...wanted.filter((line) => !present.includes(line)).map((line) => `route replace ${line} table ${table}`),
      ...present.filter((line) => !wanted.includes(line)).map((line) => `route delete ${line} table ${table}`),
    )
  }
  return lines
}

async function missingRules(name: string, family: Family, signal: AbortSignal): Promise<string[]> {
  const held = (await inside<{ priority: number }>(name, [family, 'rule', 'show'], signal)).map(
    ({ priority }) => priority,
  )
  const missing = RULES.filter(({ priority }) => !held.includes(priority))
  return missing.map(({ priority, text }) => `rule add priority ${priority} ${text}`)
}

/** Both ends of the link's addresses inside, as lines for ip(8). */
export function planTransit(mtu: number): string[] {
  const v6 = `address replace ${TRANSIT_V6.service}/${TRANSIT_V6.prefixLength} dev ${TRANSIT_INNER} nodad`
  return [
    `link set ${TRANSIT_INNER} up mtu ${mtu}`,
    `address replace ${TRANSIT.service}/${TRANSIT.prefixLength} dev ${TRANSIT_INNER}`,
    ...(existsSync(IPV6) ? [v6] : []),
  ]
}

const IPV6 = '/proc/sys/net/ipv6/conf'

/** Once, before any interface but the outer one is up. What comes by that one goes nowhere: the rules see to it, for IPv6 alone. */
export async function setForwarding(name: string, signal: AbortSignal): Promise<void> {
  const ipv4 = '/proc/sys/net/ipv4/conf'
  await write(
    name,
    '0',
    [
      `${ipv4}/${SERVICE_INNER}/forwarding`,
      ...['all', 'default', SERVICE_INNER, TRANSIT_INNER].map((d) => `${ipv4}/${d}/rp_filter`),
    ],
    signal,
  )
  // The tunnel's device takes the default when charon makes it.
  await write(name, '1', [`${ipv4}/default/forwarding`, `${ipv4}/${TRANSIT_INNER}/forwarding`], signal)
  if (!existsSync(IPV6)) return
  // Nobody's announcements: what it has, the cloud gives.
  await write(
    name,
    '0',
    ['all', 'default', SERVICE_INNER, TRANSIT_INNER].map((d) => `${IPV6}/${d}/accept_ra`),
    signal,
  )
  await write(name, '1', [`${IPV6}/all/forwarding`], signal)
}

async function write(name: string, value: string, files: readonly string[], signal: AbortSignal): Promise<void> {
  const argv = ['nsenter', `--net=${namespaceFileOf(name)}`, '--', 'tee', '--', ...files] as const
  await exec(argv, { timeoutMs: TIMEOUT_MS, signal, input: `${value}\n` })
}

async function hasDevice(name: string, signal: AbortSignal): Promise<boolean> {
  const links = await inside<{ ifname: string }>(name, ['link'], signal)
  return links.some(({ ifname }) => ifname === TUNNEL_DEVICE)
}

type TableRoute = HeldRoute & { table?: string }

async function listRoutes(name: string, family: Family, signal: AbortSignal): Promise<TableRoute[]> {
  const all = await inside<TableRoute>(name, [family, 'route', 'show', 'table', 'all'], signal)
  const foreign = ['local', 'broadcast', 'multicast', 'anycast']
  return all.filter(({ protocol, type = 'unicast' }) => protocol !== 'kernel' && !foreign.includes(type))
}

async function inside<T>(name: string, args: readonly string[], signal: AbortSignal): Promise<T[]> {
  const { stdout } = await exec(['ip', '-n', name, '-j', ...args], { timeoutMs: TIMEOUT_MS, signal })
  return stdout.trim() === '' ? [] : (JSON.parse(stdout) as T[])
}
