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
  /** What it begins with; renewed ones are given to it while it runs. */
  tls: TlsFiles
  pidFile: string
  qmpSocket: string
}

/** Everything but the nodes, which change while the daemon runs. */
export function daemonArguments(s: DaemonSettings): string[] {
  const credentials = serverCredentials(s.tls)
  return [
    '--daemonize',
    '--pidfile',
    s.pidFile,
    '--object',
    JSON.stringify(credentials),
    '--blockdev',
    // A pool's folder is ours alone, and still the lock keeps a second writer out.
    JSON.stringify({ driver: 'file', 'node-name': 'file', filename: s.path, discard: 'unmap', locking: 'on' }),
    '--blockdev',
    JSON.stringify({
      driver: s.format,
      'node-name': NODE_NAME,
      file: 'file',
      discard: 'unmap',
      // Never opens what the file says lies behind it.
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

/** Does a daemon run with these settings, whatever credentials it began with? Its line begins with its first list of holders. Pure. */
export function runsWith(argv: readonly string[], args: readonly string[]): boolean {
  const [have, want] = [argv.map(withoutCredentials), args.map(withoutCredentials)]
  return have.length >= want.length && want.every((arg, i) => have[have.length - want.length + i] === arg)
}

function withoutCredentials(arg: string): string {
  if (!arg.startsWith('{')) return arg
  return arg.includes('"tls-creds-x509"') ? '' : arg.replace(/"tls-creds":"[^"]*"/, '')
}

/** The folder of the credentials that a daemon was started with. Pure. */
export function credentialsDirOf(argv: readonly string[]): string | undefined {
  return /"tls-creds-x509".*"dir":"([^"]*)"/.exec(argv.find((arg) => arg.includes('"tls-creds-x509"')) ?? '')?.[1]
}

export const CREDENTIALS = 'tls-'

/** QAPI: crypto.json. QEMU reads the files when the object is made, and never again. */
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

/** QAPI: block-export.json, nbd-server-start; not written as the command line has it. */
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
 * A client believes that what was acknowledged is there, and neither a daemon that dies nor a host that loses power may make a liar of
 * it: the guest lives on, its QEMU reconnects and sends again only what was not answered, and its next flush would be granted over
 * data that are gone. So each write is on the disk before it is acknowledged.
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
 * Who may connect, by the distinguished name in the client's certificate, which the operator chose (operator/bus/nbd-certificates.ts):
 * the node and its key. A certificate of another key of the same node is worth nothing here, however long it lasts.
 * @param former those too that know their node's identity alone, which has the node's name and no more
 */
export function authorization(holders: readonly Holder[], former = false): Authorization {
  const names = holders.flatMap(({ node, key }) => {
    // Kubernetes names need no escaping in a distinguished name; anything else is none.
    if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(node)) throw new Error('not a node name')
    if (key !== undefined && !/^[0-9a-f]{40}$/.test(key)) throw new Error('not a key')
    return [...(key === undefined ? [] : [`CN=${node},OU=${key}`]), ...(former ? [`CN=${node}`] : [])]
  })
  const rules = names.sort().map((match): NodeRule => ({ match, policy: 'allow', format: 'exact' }))
  return { 'qom-type': 'authz-list', id: AUTHZ_ID, policy: 'deny', rules }
}
