// SPDX-License-Identifier: Apache-2.0
import { isIPv6 } from 'node:net'
import type { BalancerListener, BalancerPool, BalancerSpec } from '../../lib/contract/documents.ts'
import type { CertificateFiles } from './certificate-files.ts'
import { quoted, renderRules } from './haproxy-rules.ts'
import { tlsBind, tlsGlobal } from './tls-config.ts'

export interface ConfigPlace {
  /** Where it runs chrooted, as the unprivileged user of the same name: Debian's package makes both. */
  chroot: string
  /** What the process before knew of members: written by the agent before each reload. */
  stateFile: string
  /** Of HTTPS listeners. */
  certificates?: CertificateFiles
}

/**
 * The configuration of HAProxy 2.6 or later. The contract lets no text pass that could end a word; a test feeds it whatever the contract takes.
 * Pure.
 */
export function renderHaproxy(spec: BalancerSpec, place: ConfigPlace): string {
  return [
    ...global(spec, place),
    ...spec.listeners.flatMap((listener) => frontend(listener, spec, place)),
    ...spec.pools.flatMap(backend),
    '',
  ].join('\n')
}

/** As HAProxy's statistics call a member. */
export function serverName({ address, port }: { address: string; port: number }): string {
  return `${address}_${port}`
}

/**
 * What bounds the memory of a worker, and what its unit may have, together. A connection costs at most about 40 KiB with TLS, a request in it 10 KiB;
 * what they hold of requests and answers is in buffers of 16 KiB, for which they wait when all are taken. One worker:
 *
 *   2000 connections * (40 KiB + 16 requests * 10 KiB)   391 MiB
 *   16384 buffers * 16 KiB                               256 MiB
 *   the program, its configuration and certificates       50 MiB
 *
 * 697 MiB. After reloads there are up to four, each with connections of its own: 2788 MiB. The rest is for the master process and the kernel's socket
 * buffers, which shrink under pressure.
 */
const MOST = { connections: 2000, requestsOfConnection: 16, buffers: 16_384, reloads: 3 }
/** systemd.resource-control(5), MemoryMax. */
export const MEMORY_LIMIT = '3G'

function global({ listeners }: BalancerSpec, { chroot, stateFile }: ConfigPlace): string[] {
  const wanted = listeners.reduce((sum, { maxConnections }) => sum + maxConnections, 0)
  return [
    'global',
    ...['user haproxy', 'group haproxy', `chroot ${chroot}`, 'nbthread 2'],
    // A worker that keeps old connections after a reload ends some day, and after three more reloads.
    ...['hard-stop-after 1h', `mworker-max-reloads ${MOST.reloads}`],
    ...[`maxconn ${Math.min(wanted, MOST.connections)}`, `tune.buffers.limit ${MOST.buffers}`],
    // The name that 2.6 has, too. HTTP/2 is spoken by cleartext listeners as well, to who begins with it.
    `tune.h2.max-concurrent-streams ${MOST.requestsOfConnection}`,
    `server-state-file ${stateFile}`,
    ...tlsGlobal(listeners),
    // `normalize-uri` counts as experimental.
    ...(listeners.some(({ rules }) => rules.length > 0) ? ['expose-experimental-directives'] : []),
    'defaults',
    'mode http',
    'load-server-state-from-file global',
    ...['timeout http-request 10s', 'timeout http-keep-alive 15s', 'timeout tunnel 1h', 'timeout queue 5s'],
    // A request that could not be delivered goes to another member.
    ...['option redispatch', 'retries 2'],
  ]
}

function frontend(
  listener: BalancerListener,
  { port }: BalancerSpec,
  { certificates = new Map() }: ConfigPlace,
): string[] {
  const scheme = listener.tls ? 'https' : 'http'
  const { name, timeouts, maxConnections, rules, pool } = listener
  const isSix = port.addresses.some(({ address }) => isIPv6(address))
  return [
    `frontend ${name}`,
    `bind ${isSix ? `:::${listener.port} v6only` : `0.0.0.0:${listener.port}`}${tlsBind(listener, certificates)}`,
    `maxconn ${maxConnections}`,
    `timeout client ${timeouts.client}s`,
    // Said by us alone: a client must not speak for another.
    ...['X-Forwarded-For', 'Forwarded'].map((header) => `http-request del-header ${header}`),
    'option forwardfor',
    `http-request set-header X-Forwarded-Proto ${scheme}`,
    `http-request set-header X-Forwarded-Port ${listener.port}`,
    ...renderRules(rules, { scheme, port: listener.port }),
    `default_backend ${pool}`,
  ]
}

function backend(pool: BalancerPool): string[] {
  const { monitor, members } = pool
  const proxy = pool.proxyProtocol && (pool.proxyProtocol === 'v1' ? 'send-proxy' : 'send-proxy-v2')
  const check = monitor
    ? ` check inter ${probeIntervalMs(monitor)}ms rise ${monitor.successThreshold} fall ${monitor.failureThreshold}`
    : ''
  return [
    `backend ${pool.name}`,
    // Of the client's address alone, so that it survives a reload and the other node chooses the same.
    ...(pool.affinity ? ['balance source', 'hash-type consistent'] : ['balance roundrobin']),
    ...['timeout connect 5s', 'timeout server 50s'],
    ...(monitor ? [`timeout check ${monitor.timeoutSeconds}s`, ...httpCheck(monitor.http)] : []),
    ...members.map(
      (member) =>
        `server ${serverName(member)} ${isIPv6(member.address) ? 'ipv6@' : ''}${member.address}:${member.port}${proxy ? ` ${proxy}` : ''}${check}`,
    ),
  ]
}

/**
 * HAProxy begins a probe each `inter`, which is also the longest that a connection may take. So that a member that answers nothing is out within
 * `failureThreshold` times `intervalSeconds` (two of them at least), less a second, it is shorter than that. Pure.
 */
function probeIntervalMs({ intervalSeconds, failureThreshold }: NonNullable<BalancerPool['monitor']>): number {
  const boundMs = Math.max(failureThreshold, 2) * intervalSeconds * 1000
  return Math.max(1000, Math.floor((boundMs - 1000) / (failureThreshold + 1)))
}

function httpCheck(http: NonNullable<BalancerPool['monitor']>['http']): string[] {
  if (!http) return []
  const host = http.hostname === undefined ? '' : ` ver HTTP/1.1 hdr Host ${http.hostname}`
  return [
    'option httpchk',
    `http-check send meth GET uri ${quoted(http.path)}${host}`,
    `http-check expect status ${http.expectedCodes}`,
  ]
}
