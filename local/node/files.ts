// SPDX-License-Identifier: Apache-2.0
// The configuration that a node's own disk gets before its first start. Pure: path to text.

export interface NodeFilesOptions {
  name: string
  index: number
  /** What the agent gets as its environment; absent: no agent runs. */
  agentEnvironment?: Readonly<Record<string, string>>
  /** Of the node that runs OVN's central databases. */
  ovnCentral?: { serverCertificate: string; serverKey: string; northboundClients: string; southboundClients: string }
}

export interface NodeFile {
  text: string
  mode: number
}

export function nodeFiles(o: NodeFilesOptions): Record<string, NodeFile> {
  const files: Record<string, NodeFile> = {
    '/etc/hostname': { text: `${o.name}\n`, mode: 0o644 },
    '/etc/hosts': { text: `127.0.0.1 localhost ${o.name}\n`, mode: 0o644 },
    '/etc/libvirt/libvirtd.conf': { text: libvirtdConf(o.index), mode: 0o644 },
    '/etc/libvirt/qemu.conf': { text: QEMU_CONF, mode: 0o644 },
  }
  if (o.agentEnvironment) {
    files['/etc/nephele/agent.env'] = { text: environmentFile(o.agentEnvironment), mode: 0o600 }
  }
  if (o.ovnCentral) {
    files['/etc/ovn/pki/server.crt'] = { text: o.ovnCentral.serverCertificate, mode: 0o644 }
    files['/etc/ovn/pki/server.key'] = { text: o.ovnCentral.serverKey, mode: 0o600 }
    files['/etc/ovn/pki/nb-clients.crt'] = { text: o.ovnCentral.northboundClients, mode: 0o644 }
    files['/etc/ovn/pki/sb-clients.crt'] = { text: o.ovnCentral.southboundClients, mode: 0o644 }
  }
  return files
}

/** Migration refuses two hosts of one uuid; nodes of one machine would all report its firmware's. */
function libvirtdConf(index: number): string {
  const uuid = `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`
  return [`host_uuid = "${uuid}"`, 'auth_unix_rw = "none"', 'listen_tls = 0', 'listen_tcp = 0', ''].join('\n')
}

/**
 * QEMU runs as Debian has it: as libvirt-qemu, under whatever security module the kernel has. A node has no cgroups of its own, and its
 * namespaces are already its own. NBD's certificates are written by the agent (docs/ports.md).
 */
const QEMU_CONF = [
  'namespaces = []',
  'cgroup_controllers = []',
  'nbd_tls_x509_cert_dir = "/var/lib/nephele/pki/qemu"',
  '',
].join('\n')

/** One NAME=value a line, handed to env(1) line by line and never to a shell. */
export function environmentFile(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => {
      if (!/^[A-Z][A-Z0-9_]*$/.test(name)) throw new Error(`not a name of an environment variable: ${name}`)
      if (/[\n\0]/.test(value)) throw new Error(`the value of ${name} has more than one line`)
      return `${name}=${value}\n`
    })
    .join('')
}
