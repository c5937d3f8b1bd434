// SPDX-License-Identifier: Apache-2.0
// How packets go through the namespace of a VPN: from the router into the tunnel, from the tunnel to the router, and nowhere else. What comes from
// outside is for charon or nobody. While there is no tunnel device, what is for a peer is refused, so that it never leaves in clear.
import { existsSync } from 'node:fs'
import { TRANSIT, type VpnSpec } from '../../lib/contract/vpn.ts'
import { exec } from '../../lib/exec.ts'
import { SERVICE_INNER } from '../network/service-ports.ts'
import { ipInside, namespaceFileOf } from '../network/veth-namespace.ts'
import { TUNNEL_DEVICE } from './charon-config.ts'

/** The router's link inside the namespace. */
export const TRANSIT_INNER = 'transit0'
const TIMEOUT_MS = 10_000
const [FROM_ROUTER, FROM_TUNNEL] = [1000, 1001]
/** Of a route that counts while no other does. */
const LAST = 1000

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

/** All routes of the namespace but those of the outer interface. Pure. */
export function planRoutes({ connections }: Pick<VpnSpec, 'connections'>, hasTunnelDevice: boolean): Routes {
  const peers = sorted(connections.flatMap(({ peerCIDRs }) => peerCIDRs))
  const local = sorted(connections.flatMap(({ localCIDRs }) => localCIDRs))
  const toRouter = local.map((cidr) => `${cidr} via ${TRANSIT.router} dev ${TRANSIT_INNER}`)
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
  const cidr = dst === 'default' || dst.includes('/') ? dst : `${dst}/32`
  if (type !== undefined && type !== 'unicast')
    return `${type} ${cidr}${metric === undefined ? '' : ` metric ${metric}`}`
  return `${cidr}${gateway === undefined ? '' : ` via ${gateway}`} dev ${dev ?? ''}`
}

/** Makes and removes what differs. @param name of the namespace */
export async function ensureRouting(name: string, spec: VpnSpec, signal: AbortSignal): Promise<void> {
  const hasTunnelDevice = await hasDevice(name, signal)
  const lines: string[] = []
  for (const [table, wanted] of Object.entries(planRoutes(spec, hasTunnelDevice))) {
    const held = (await listRoutes(name, table, signal)).filter(
      (route) => table !== 'main' || route.gateway === TRANSIT.router,
    )
    const present = held.map(lineOf)
    lines.push(
      ...wanted.filter((line) => !present.includes(line)).map((line) => `route replace ${line} table ${table}`),
    )
    lines.push(...present.filter((line) => !wanted.includes(line)).map((line) => `route delete ${line} table ${table}`))
  }
  const rules = await listRules(name, signal)
  lines.push(
    ...RULES.filter(({ priority }) => !rules.includes(priority)).map(
      ({ priority, text }) => `rule add priority ${priority} ${text}`,
    ),
  )
  if (lines.length > 0) await ipInside(name, lines, signal)
}

/** Once, before any interface but the outer one is up. */
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
  const ipv6 = '/proc/sys/net/ipv6/conf'
  if (existsSync(ipv6)) await write(name, '1', [`${ipv6}/all/disable_ipv6`, `${ipv6}/default/disable_ipv6`], signal)
}

async function write(name: string, value: string, files: readonly string[], signal: AbortSignal): Promise<void> {
  const argv = ['nsenter', `--net=${namespaceFileOf(name)}`, '--', 'tee', '--', ...files] as const
  await exec(argv, { timeoutMs: TIMEOUT_MS, signal, input: `${value}\n` })
}

async function hasDevice(name: string, signal: AbortSignal): Promise<boolean> {
  const links = await inside<{ ifname: string }>(name, ['link'], signal)
  return links.some(({ ifname }) => ifname === TUNNEL_DEVICE)
}

async function listRoutes(name: string, table: string, signal: AbortSignal): Promise<HeldRoute[]> {
  const all = await inside<HeldRoute & { table?: string }>(name, ['-4', 'route', 'show', 'table', 'all'], signal)
  return all.filter(
    (route) =>
      (route.table ?? 'main') === table &&
      route.protocol !== 'kernel' &&
      route.type !== 'local' &&
      route.type !== 'broadcast',
  )
}

async function listRules(name: string, signal: AbortSignal): Promise<number[]> {
  return (await inside<{ priority: number }>(name, ['-4', 'rule', 'show'], signal)).map(({ priority }) => priority)
}

async function inside<T>(name: string, args: readonly string[], signal: AbortSignal): Promise<T[]> {
  const { stdout } = await exec(['ip', '-n', name, '-j', ...args], { timeoutMs: TIMEOUT_MS, signal })
  return stdout.trim() === '' ? [] : (JSON.parse(stdout) as T[])
}
