// SPDX-License-Identifier: Apache-2.0
// The command line of a volume's qemu-storage-daemon (qemu-storage-daemon(1); QAPI: block-export.json, authz.json, crypto.json).
import type { Holder, VolumeFormat } from '../volume-driver.ts'
import type { TlsFiles } from './tls-files.ts'

export const EXPORT_ID = 'volume'
export const AUTHZ_ID = 'nodes'
const NODE_NAME = 'volume'

export interface DaemonSettings {
  id: string
  /** Absolute, inside the pool. */
  path: string
  format: VolumeFormat
  address: string
  port: number
  /** The credentials at its start; renewed ones are set while it runs. */
  tls: TlsFiles
  pidFile: string
  qmpSocket: string
}

/** Everything except the authorized nodes, which change while the daemon runs. */
export function daemonArguments(s: DaemonSettings): string[] {
  const credentials = serverCredentials(s.tls)
  return [
    '--daemonize',
    '--pidfile',
    s.pidFile,
    '--object',
    JSON.stringify(credentials),
    '--blockdev',
    // Nobody else can write to a pool's folder; the lock keeps out a second writer all the same.
    JSON.stringify({ driver: 'file', 'node-name': 'file', filename: s.path, discard: 'unmap', locking: 'on' }),
    '--blockdev',
    JSON.stringify({
      driver: s.format,
      'node-name': NODE_NAME,
      file: 'file',
      discard: 'unmap',
      // Never opens a backing file that the header names.
      ...(s.format === 'qcow2' ? { backing: null } : {}),
    }),
    '--nbd-server',
    JSON.stringify({
      addr: { type: 'inet', host: s.address, port: String(s.port) },
      'tls-creds': credentials.id,
      'tls-authz': AUTHZ_ID,
    }),
    '--export',
    JSON.stringify(exportOptions(s.id)),
    '--chardev',
    // A comma ends a value here unless it is doubled.
    `socket,id=qmp,path=${s.qmpSocket.replaceAll(',', ',,')},server=on,wait=off`,
    '--monitor',
    JSON.stringify({ chardev: 'qmp', mode: 'control' }),
  ]
}

/**
 * Whether a daemon runs with these settings, whatever credentials it started with; the first list of holders comes before them in its
 * command line. Pure.
 */
export function runsWith(argv: readonly string[], args: readonly string[]): boolean {
  const [have, want] = [argv.map(withoutCredentials), args.map(withoutCredentials)]
  return have.length >= want.length && want.every((arg, i) => have[have.length - want.length + i] === arg)
}

function withoutCredentials(arg: string): string {
  if (!arg.startsWith('{')) return arg
  return arg.includes('"tls-creds-x509"') ? '' : arg.replace(/"tls-creds":"[^"]*"/, '')
}

/** The folder of the credentials that the daemon was started with. Pure. */
export function credentialsDirOf(argv: readonly string[]): string | undefined {
  return /"tls-creds-x509".*"dir":"([^"]*)"/.exec(argv.find((arg) => arg.includes('"tls-creds-x509"')) ?? '')?.[1]
}

export const CREDENTIALS = 'tls-'

/** QAPI: crypto.json. QEMU reads the files when the object is created, and never again. */
export interface ServerCredentials {
  'qom-type': 'tls-creds-x509'
  id: string
  endpoint: 'server'
  dir: string
  'verify-peer': true
  priority: string
}

export function serverCredentials({ dir, fingerprint }: TlsFiles): ServerCredentials {
  return {
    'qom-type': 'tls-creds-x509',
    id: `${CREDENTIALS}${fingerprint}`,
    endpoint: 'server',
    dir,
    'verify-peer': true,
    priority: 'NORMAL:-VERS-ALL:+VERS-TLS1.3',
  }
}

/** QAPI: block-export.json, nbd-server-start; its form differs from the command line's. */
export interface ServerOptions {
  addr: { type: 'inet'; data: { host: string; port: string } }
  'tls-creds': string
  'tls-authz': string
}

export function serverOptions(at: { address: string; port: number }, credentials: ServerCredentials): ServerOptions {
  return {
    addr: { type: 'inet', data: { host: at.address, port: String(at.port) } },
    'tls-creds': credentials.id,
    'tls-authz': AUTHZ_ID,
  }
}

export interface ExportOptions {
  type: 'nbd'
  id: string
  'node-name': string
  name: string
  writable: true
  writethrough: true
}

/**
 * Acknowledged writes must survive a daemon that dies and a host that loses power: the guest goes on, its QEMU reconnects and resends only
 * what was not acknowledged, and its next flush would succeed although data are lost. So each write is on disk before it is acknowledged.
 */
export function exportOptions(id: string): ExportOptions {
  return {
    type: 'nbd',
    id: EXPORT_ID,
    'node-name': NODE_NAME,
    name: id,
    writable: true,
    writethrough: true,
  }
}

export const RESIZED_NODE = NODE_NAME

export interface NodeRule {
  match: string
  policy: 'allow'
  format: 'exact'
}

export interface Authorization {
  'qom-type': 'authz-list'
  id: string
  policy: 'deny'
  rules: NodeRule[]
}

/**
 * Who may connect, by the distinguished name in the client's certificate, which the operator chose (operator/bus/nbd-certificates.ts): the
 * node and its key. A certificate for another key of the same node is not accepted, however long it is valid.
 * @param former also accepts those that have only their node's identity, which contains the node's name but no key
 */
export function authorization(holders: readonly Holder[], former = false): Authorization {
  const names = holders.flatMap(({ node, key }) => {
    // Kubernetes names need no escaping in a distinguished name; anything else is rejected.
    if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(node)) throw new Error('not a node name')
    if (key !== undefined && !/^[0-9a-f]{40}$/.test(key)) throw new Error('not a key')
    return [...(key === undefined ? [] : [`CN=${node},OU=${key}`]), ...(former ? [`CN=${node}`] : [])]
  })
  const rules = names.sort().map((match): NodeRule => ({ match, policy: 'allow', format: 'exact' }))
  return { 'qom-type': 'authz-list', id: AUTHZ_ID, policy: 'deny', rules }
}
