// SPDX-License-Identifier: Apache-2.0
// What docs/install.md asks of a node, for nodes of kind: these are Debian with systemd and have none of it. Pure.
import { nodeFiles, type NodeFile } from '../node/files.ts'

/** docs/node-prerequisites.md, the rows of a node with every role. */
export const HOST_PACKAGES = [
  ...['openvswitch-switch', 'ovn-host', 'iproute2', 'ethtool', 'curl', 'procps'],
  ...['haproxy', 'keepalived'],
  ...['qemu-system-x86', 'qemu-utils', 'qemu-block-extra', 'seabios', 'ovmf', 'ipxe-qemu'],
  ...['libvirt-daemon', 'libvirt-daemon-driver-qemu', 'libvirt-clients'],
  ...['charon-systemd', 'libcharon-extra-plugins'],
] as const

/** Come with the packages and are not used: balancers and VPNs have daemons of their own. */
export const UNUSED_UNITS = ['haproxy', 'keepalived', 'strongswan'] as const

export const HOST_UNITS = ['openvswitch-switch', 'ovn-host', 'virtlogd', 'libvirtd'] as const

/** Those of HOST_PACKAGES that are not installed. @param listed of `dpkg-query --show` with PACKAGE_FORMAT */
export function missingPackages(listed: string): string[] {
  const installed = new Set(listed.split('\n').filter((line) => line.endsWith(' installed')))
  return HOST_PACKAGES.filter((name) => !installed.has(`${name} installed`))
}

export const PACKAGE_FORMAT = '${Package} ${db:Status-Status}\n'

/** Written once the packages are there. @param index of 1 to 250, another for each node of a cluster */
export function hostFiles(name: string, index: number): Record<string, NodeFile> {
  const all = nodeFiles({ name, index })
  const own = Object.entries(all).filter(([path]) => path.startsWith('/etc/libvirt/'))
  // The name of the chassis, which Debian's start of the switch reads.
  return { ...Object.fromEntries(own), '/etc/openvswitch/system-id.conf': { text: `${name}\n`, mode: 0o644 } }
}

/** libvirtd refuses its configuration without them. */
export const HOST_FOLDERS: readonly (readonly [path: string, mode: string])[] = [
  ['/var/lib/nephele', '711'],
  ['/var/lib/nephele/pki', '711'],
  ['/var/lib/nephele/pki/qemu', '750'],
]
