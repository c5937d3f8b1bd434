// SPDX-License-Identifier: Apache-2.0
import { connect as connectNet, isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { OvsdbConnectionError } from './errors.ts'

export type Remote = { transport: 'unix'; path: string } | { transport: 'tcp' | 'ssl'; host: string; port: number }

/**
 * PEM. The server's certificate must be signed by `ca`, be one for servers, and hold `serverName`, or else the remote's name where it has
 * one (OVS itself checks no name).
 */
export interface TlsIdentity {
  ca: string
  cert: string
  key: string
  serverName?: string
}

/** `unix:/path`, `tcp:10.0.0.1:6641`, `ssl:[::1]:6641` (ovsdb(7), active connections). */
export function parseRemote(text: string): Remote {
  const unix = /^unix:(.+)$/.exec(text)
  if (unix?.[1]) return { transport: 'unix', path: unix[1] }
  const inet = /^(tcp|ssl):(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text)
  const port = Number(inet?.[4])
  const host = inet?.[2] ?? inet?.[3]
  if (!inet || !host || port < 1 || port > 65535) throw new TypeError(`not an OVSDB remote: ${JSON.stringify(text)}`)
  return { transport: inet[1] === 'ssl' ? 'ssl' : 'tcp', host, port }
}

/** Several joined by commas, as in OVS's own `ovn-remote`. */
export function parseRemotes(text: string): Remote[] {
  return text.split(',').map((one) => parseRemote(one.trim()))
}

/** Resolves when connected (for ssl: when both certificates were accepted). */
export function connectRemote(remote: Remote, tls: TlsIdentity | undefined, signal: AbortSignal): Promise<Duplex> {
  if (remote.transport === 'ssl' && !tls) throw new TypeError('an ssl: remote needs a TLS identity')
  return new Promise((resolve, reject) => {
    const socket =
      remote.transport === 'unix'
        ? connectNet({ path: remote.path })
        : remote.transport === 'tcp'
          ? connectNet({ host: remote.host, port: remote.port, noDelay: true })
          : connectTls({
              host: remote.host,
              port: remote.port,
              ...tlsOptions(remote.host, tls),
            }).setNoDelay(true)
    const fail = (error: Error): void => {
      socket.destroy()
      reject(new OvsdbConnectionError('cannot connect', { cause: error }))
    }
    const onAbort = (): void => fail(signal.reason as Error)
    if (signal.aborted) {
      onAbort()
      return
    }
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('error', fail)
    socket.once(remote.transport === 'ssl' ? 'secureConnect' : 'connect', () => {
      signal.removeEventListener('abort', onAbort)
      socket.off('error', fail)
      resolve(socket)
    })
  })
}

function tlsOptions(host: string, tls: TlsIdentity | undefined): ConnectionOptions {
  if (!tls) return {}
  const { ca, cert, key, serverName = isIP(host) === 0 ? host : undefined } = tls
  const identity = { ca, cert, key, minVersion: 'TLSv1.2' as const }
  // Cluster members are reached by address: there, being a server certified by the cloud's own authority must suffice. Nodes get no such
  // certificate.
  return serverName ? { ...identity, servername: serverName } : { ...identity, checkServerIdentity: () => undefined }
}
