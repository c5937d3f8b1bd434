// SPDX-License-Identifier: Apache-2.0
// The command line of a volume's qemu-storage-daemon (qemu-storage-daemon(1); QAPI: block-export.json, authz.json, crypto.json).
import type { VolumeFormat } from '../drivers/driver.ts'

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
  /** Holds ca-cert.pem, server-cert.pem, server-key.pem. */
  tlsDir: string
  /** In hex, of the certificate in it: a renewed one makes another command line, and with it a restart. */
  certificateFingerprint: string
  pidFile: string
  qmpSocket: string
}

/** Everything but the nodes, which change while the daemon runs. */
export function daemonArguments(s: DaemonSettings): string[] {
  const tlsId = `tls-${s.certificateFingerprint}`
  return [
    '--daemonize',
    '--pidfile',
    s.pidFile,
    '--object',
    JSON.stringify({
      'qom-type': 'tls-creds-x509',
      id: tlsId,
      endpoint: 'server',
      dir: s.tlsDir,
      'verify-peer': true,
      priority: 'NORMAL:-VERS-ALL:+VERS-TLS1.3',
    }),
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
      'tls-creds': tlsId,
      'tls-authz': AUTHZ_ID,
    }),
    '--export',
    JSON.stringify(exportOptions(s.id, s.format)),
    '--chardev',
    // A comma ends a value here unless it is doubled.
    `socket,id=qmp,path=${s.qmpSocket.replaceAll(',', ',,')},server=on,wait=off`,
    '--monitor',
    JSON.stringify({ chardev: 'qmp', mode: 'control' }),
  ]
}

export interface ExportOptions {
  type: 'nbd'
  id: string
  'node-name': string
  name: string
  writable: true
  writethrough: boolean
}

/**
 * A client believes that what was acknowledged is there, and a daemon that dies must not make a liar of it: after a reconnect
 * nobody tells the guest to write again. A raw file's data are in the kernel's hands when write() returns and outlive the daemon;
 * qcow2 keeps its tables in the daemon's memory until a flush, so there each write is flushed before it is acknowledged.
 */
export function exportOptions(id: string, format: VolumeFormat): ExportOptions {
  return {
    type: 'nbd',
    id: EXPORT_ID,
    'node-name': NODE_NAME,
    name: id,
    writable: true,
    writethrough: format === 'qcow2',
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

/** Who may connect, by the distinguished name in the client's certificate: the operator signs them with CN = node name alone. */
export function authorization(nodes: readonly string[]): Authorization {
  const rules = [...nodes].sort().map((node): NodeRule => {
    // Kubernetes names need no escaping in a distinguished name; anything else is none.
    if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(node)) throw new Error('not a node name')
    return { match: `CN=${node}`, policy: 'allow', format: 'exact' }
  })
  return { 'qom-type': 'authz-list', id: AUTHZ_ID, policy: 'deny', rules }
}
