// SPDX-License-Identifier: Apache-2.0

/**
 * Read-only questions to the programs of a node, run by its agent's pod among the node's own processes (the agent has the node's PIDs): the
 * hypervisor's domains, which carry no user data; the switch, its ports, flows and tunnels; devices and rooms. The name of the file, and the argv.
 */
export const NODE_COMMANDS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  'virsh-list': ['virsh', '--readonly', 'list', '--all'],
  'virsh-nodeinfo': ['virsh', '--readonly', 'nodeinfo'],
  'ovs-vsctl-show': ['ovs-vsctl', '--timeout=10', 'show'],
  'ovs-interfaces': ['ovs-vsctl', '--timeout=10', '--format=table', 'list', 'interface'],
  'ovs-flows': ['ovs-ofctl', '--timeout=10', 'dump-flows', 'br-int'],
  'ovs-datapath': ['ovs-appctl', '--timeout=10', 'dpif/show'],
  'ovs-bfd': ['ovs-appctl', '--timeout=10', 'bfd/show'],
  'ovn-controller-status': ['ovn-appctl', '--timeout=10', '-t', 'ovn-controller', 'connection-status'],
  'ip-address': ['ip', 'address', 'show'],
  'ip-route': ['ip', 'route', 'show', 'table', 'all'],
  'network-namespaces': ['ip', 'netns', 'list'],
  disks: ['df', '--human-readable', '--inodes'],
  rooms: ['df', '--human-readable'],
  processes: ['ps', '-eo', 'pid,ppid,stat,etime,rss,comm'],
}

/** What its agent says of the node's prerequisites, from its own container. */
export const CHECK = ['/usr/local/bin/node', '/app/agent.mjs', 'check', '--advise'] as const

/** The same of OVN's central databases, in their own pod's containers. */
export const OVN_COMMANDS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  'ovn-nbctl-show': ['ovn-nbctl', '--timeout=10', 'show'],
  'ovn-sbctl-show': ['ovn-sbctl', '--timeout=10', 'show'],
}

/** Pure: the argv that runs one in the node's own namespaces. */
export function onNode(argv: readonly [string, ...string[]]): string[] {
  return ['nsenter', '--target', '1', '--mount', '--net', '--uts', '--', ...argv]
}
