// SPDX-License-Identifier: Apache-2.0
// A shell in a machine. Nothing of the host is on tenant networks, so this makes a Port on the machine's network, plugs it into the
// network node's switch as a namespace of its own, runs ssh in there, and removes both again.
import { randomInt } from 'node:crypto'
import { GROUP, PLUGGED_ON_ANNOTATION, VERSION } from '../../lib/api/kinds.ts'
import { openCloud, type Cloud } from '../cloud/cloud.ts'
import { defineNodes } from '../cloud/definition.ts'
import { waitUntil } from '../host/wait.ts'
import { runInteractive } from './console.ts'
import { getPlacedInstance } from './instances.ts'

export const KEY_FILE = '/root/.ssh/id_ed25519'

export interface SshOptions {
  cloud: string
  namespace: string
  instance: string
  command: readonly string[]
}

interface PortObject {
  metadata: { name: string; uid: string }
  spec: { networkRef: { name: string; namespace?: string } }
  status?: { macAddress?: string; fixedIPs?: { ipAddress: string; prefixLength?: number }[] }
}

/** The result is ssh's exit code. */
export async function openSsh(options: SshOptions): Promise<number> {
  const cloud = openCloud(options.cloud)
  const { instance } = await getPlacedInstance(cloud, options.namespace, options.instance)
  const address = instance.status?.addresses?.[0]
  if (address?.port === undefined) throw new Error(`Instance "${options.instance}" has no port on a network`)
  const network = (await getPort(cloud, options.namespace, address.port)).spec.networkRef
  const door = await openDoor(cloud, options.namespace, network)
  // Ctrl-C and a closed terminal reach ssh too and end it; we must live on to remove what we made.
  const ignore = () => undefined
  const signals = ['SIGINT', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, ignore)
  try {
    // The host key is made anew at each boot of the test guest.
    const ssh = ['ssh', '-i', KEY_FILE, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null']
    const quiet = ['-o', 'LogLevel=ERROR', '-o', 'ConnectTimeout=10']
    const target = ['-l', 'root', '--', address.ipAddress, ...options.command]
    return runInteractive(cloud.node(door.node), ['ip', 'netns', 'exec', door.netns, ...ssh, ...quiet, ...target])
  } finally {
    await door.close()
    for (const signal of signals) process.off(signal, ignore)
  }
}

/** The key that `ssh` uses, made at the first call and kept on the network node; the result is its public half. */
export async function ensureKey(cloud: Cloud): Promise<string> {
  const script =
    '[ -e "$0" ] || { mkdir -p /root/.ssh && ssh-keygen -q -t ed25519 -N "" -C local-cloud -f "$0"; }; cat "$0.pub"'
  const { stdout } = await cloud.exec(networkNode(cloud), ['sh', '-e', '-c', script, KEY_FILE])
  return stdout.trim()
}

/** A namespace on a node that has an address on a tenant network; also what end-to-end tests reach guests through. */
export interface Door {
  node: string
  netns: string
  address: string
  close(): Promise<void>
}

export async function openDoor(
  cloud: Cloud,
  namespace: string,
  networkRef: { name: string; namespace?: string },
  portSpec: object = {},
  node = networkNode(cloud),
): Promise<Door> {
  const number = randomInt(0xffffff).toString(36)
  const name = `door-${process.pid}-${number}`
  const manifest = {
    apiVersion: 'nephele.dev/v1alpha1',
    kind: 'Port',
    metadata: {
      name,
      namespace,
      labels: { 'app.kubernetes.io/managed-by': 'nephele-local' },
      annotations: { [PLUGGED_ON_ANNOTATION]: node },
    },
    spec: { networkRef, ...portSpec },
  }
  await cloud.withApi((api) => api.request('POST', portPath(namespace), manifest))
  const run = (...argv: string[]) => cloud.exec(node, argv)
  // Interface names have 15 characters at the most.
  const [outside, inside] = [`dr-${number}-${process.pid % 10_000}`, `dn-${number}-${process.pid % 10_000}`]
  const close = async () => {
    await run('ovs-vsctl', '--timeout=10', '--if-exists', 'del-port', 'br-int', outside)
    await run('sh', '-c', 'ip link delete "$1" 2>/dev/null; ip netns delete "$2" 2>/dev/null; :', 'sh', outside, name)
    await cloud.withApi((api) => api.request('DELETE', portPath(namespace, name)))
  }
  try {
    const port = await waitUntil(
      `the address of Port ${name}`,
      async () => {
        const found = await getPort(cloud, namespace, name)
        return found.status?.macAddress && found.status.fixedIPs?.[0] ? found : undefined
      },
      { timeoutMs: 20_000, everyMs: 100 },
    )
    const fixed = port.status?.fixedIPs?.[0]
    const mac = port.status?.macAddress
    if (!fixed || mac === undefined) throw new Error(`Port ${name} has no address`)
    await run('ip', 'netns', 'add', name)
    await run('ip', 'link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'address', mac, 'netns', name)
    await run('ip', 'link', 'set', outside, 'up')
    const within = (...argv: string[]) => run('ip', 'netns', 'exec', name, ...argv)
    // The userspace datapath computes no checksums for what comes from a veth.
    await within('ethtool', '-K', inside, 'tx', 'off')
    await within('ip', 'address', 'add', `${fixed.ipAddress}/${fixed.prefixLength ?? 24}`, 'dev', inside)
    await within('ip', 'link', 'set', inside, 'mtu', '1400', 'up')
    await within('ip', 'link', 'set', 'lo', 'up')
    const interfaceId = `external_ids:iface-id=${port.metadata.uid}`
    await run(
      'ovs-vsctl',
      '--timeout=10',
      'add-port',
      'br-int',
      outside,
      '--',
      'set',
      'Interface',
      outside,
      interfaceId,
    )
    const installed = ['ovs-vsctl', '--timeout=10', 'get', 'Interface', outside, 'external_ids:ovn-installed'] as const
    await waitUntil(`Port ${name} on ${node}`, async () => (await run(...installed)).stdout.includes('true'), {
      timeoutMs: 20_000,
    })
    return { node, netns: name, address: fixed.ipAddress, close }
  } catch (error) {
    await close()
    throw error
  }
}

function networkNode(cloud: Cloud): string {
  const node = defineNodes(cloud.state).find((n) => n.labels['nephele.dev/network'] === 'gateway')
  if (!node) throw new Error('this cloud has no network node')
  return node.name
}

function getPort(cloud: Cloud, namespace: string, name: string): Promise<PortObject> {
  return cloud.withApi((api) => api.request<PortObject>('GET', portPath(namespace, name)))
}

function portPath(namespace: string, name?: string): string {
  return `/apis/${GROUP}/${VERSION}/namespaces/${namespace}/ports${name === undefined ? '' : `/${name}`}`
}
