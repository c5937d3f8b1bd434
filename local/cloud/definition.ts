// SPDX-License-Identifier: Apache-2.0
// What a local cloud consists of: plain data, nothing of a machine.
import type { ServiceName } from '../node/node.ts'

export interface NodeDefinition {
  name: string
  /** The last byte of its addresses. */
  index: number
  /** Of the Kubernetes Node object; they choose the agent's roles. */
  labels: Readonly<Record<string, string>>
  /** Runs OVN's central databases. */
  ovnCentral: boolean
  /** Its switch runs on DPDK and takes vhost-user ports. */
  dpdk: boolean
}

/** What a cloud is made of, as far as it was asked for. */
export interface CloudShape {
  computeNodes?: number
  /** So many of the compute nodes, the last ones, have a switch on DPDK. */
  dpdkNodes?: number
}

/** Hugepages for the switch of a node with DPDK: enough for some ports of 1500 bytes. */
export const DPDK_MEMORY_MIB = 128

const HOST_SERVICES = ['virtlogd', 'libvirtd', 'ovsdb', 'ovs-vswitchd'] as const
const CENTRAL_SERVICES = ['ovn-nb', 'ovn-sb', 'ovn-northd'] as const

/** One node for network and storage, and compute nodes that take turns in two availability zones. */
export function defineNodes({ computeNodes = 2, dpdkNodes = 0 }: CloudShape = {}): NodeDefinition[] {
  const network: NodeDefinition = {
    name: 'network-1',
    index: 1,
    labels: {
      'nephele.dev/network': 'gateway',
      'nephele.dev/storage': 'true',
      'nephele.dev/image': 'true',
      'topology.kubernetes.io/zone': 'zone-a',
    },
    ovnCentral: true,
    dpdk: false,
  }
  const compute = Array.from({ length: computeNodes }, (_, i): NodeDefinition => {
    const labels = {
      'nephele.dev/compute': 'libvirt',
      'topology.kubernetes.io/zone': i % 2 === 0 ? 'zone-a' : 'zone-b',
    }
    return { name: `compute-${i + 1}`, index: 2 + i, labels, ovnCentral: false, dpdk: i >= computeNodes - dpdkNodes }
  })
  return [network, ...compute]
}

/** In the order in which they are started. */
export function servicesOf(node: NodeDefinition): ServiceName[] {
  const libvirt = node.labels['nephele.dev/compute'] === 'libvirt'
  return [
    ...HOST_SERVICES.filter((s) => libvirt || (s !== 'virtlogd' && s !== 'libvirtd')),
    ...(node.ovnCentral ? CENTRAL_SERVICES : []),
    'ovn-controller',
    'agent',
    'resolver',
  ]
}

/** Addresses of one cloud: `subnet` 3 gives 10.98.3.0/24, and 10.97.3.0/24 outside. Tunnels are in the fabric alone: the same in every cloud. */
export interface CloudAddresses {
  subnet: number
  /** Where host processes are reached by the nodes. */
  host: string
  hostCidr: string
  /** The world outside of the cloud, on the nodes' eth2: a network, its gateway, and that one's address towards the host. */
  external: { network: string; gateway: string; cidr: string; router: string }
  managementOf: (node: { index: number }) => string
  tunnelOf: (node: { index: number }) => string
}

export function addressesOf(subnet: number): CloudAddresses {
  return {
    subnet,
    host: `10.98.${subnet}.254`,
    hostCidr: `10.98.${subnet}.254/24`,
    external: {
      network: `10.97.${subnet}.0/24`,
      gateway: `10.97.${subnet}.1`,
      cidr: `10.97.${subnet}.1/24`,
      router: `10.98.${subnet}.253`,
    },
    managementOf: (node) => `10.98.${subnet}.${node.index}`,
    tunnelOf: (node) => `10.99.0.${node.index}`,
  }
}

/** The first subnet that no address or route of the host is in. @throws when all are taken */
export function chooseSubnet(addressesInUse: readonly string[]): number {
  const taken = new Set(
    addressesInUse
      // 10.97 is the network outside of the cloud with that number.
      .map((a) => /^10\.9[78]\.(\d+)\./.exec(a)?.[1])
      .filter((n) => n !== undefined)
      .map(Number),
  )
  for (let subnet = 0; subnet < 256; subnet++) if (!taken.has(subnet)) return subnet
  throw new Error('every subnet of 10.98.0.0/16 is in use on this host')
}

/** Each takes some 60 MiB before it runs a machine. */
const MAX_COMPUTE_NODES = 50

/** The one that commands mean when they are given no name. */
export const DEFAULT_CLOUD = 'default'

/** How many nodes for machines somebody asked for. @throws when it is no such number */
export function readComputeNodes(text: string): number {
  if (/^\d{1,2}$/.test(text) && Number(text) <= MAX_COMPUTE_NODES) return Number(text)
  throw new Error(`--compute-nodes ${JSON.stringify(text)}: write a number from 0 to ${MAX_COMPUTE_NODES}`)
}

/** How many of the compute nodes somebody wants on DPDK. @throws when it is no such number */
export function readDpdkNodes(text: string, computeNodes: number): number {
  if (/^\d{1,2}$/.test(text) && Number(text) <= computeNodes) return Number(text)
  throw new Error(`--dpdk-nodes ${JSON.stringify(text)}: write a number from 0 to ${computeNodes}, the compute nodes`)
}

/** Poll-mode threads run on the host's last CPU, as a mask: the first ones have the most to do. */
export function pmdCpuMask(cpus: number): string {
  return `0x${(1n << BigInt(Math.max(0, cpus - 1))).toString(16)}`
}

/** Names become part of paths and of an interface's name. */
export function checkCloudName(name: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(name)) {
    throw new Error(
      `"${name}" is no name for a cloud: up to 31 lower-case letters, digits and hyphens, no hyphen first`,
    )
  }
  return name
}
