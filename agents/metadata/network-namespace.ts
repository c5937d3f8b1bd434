// SPDX-License-Identifier: Apache-2.0
// A network namespace for each network that has a guest on this node, connected to the switch by a veth pair. Both belong to the kernel and
// outlive this process and the switch's; every step can be repeated, which is how a new agent adopts them.
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, statfs } from 'node:fs/promises'
import { isIPv4, isIPv6 } from 'node:net'
import { METADATA_ADDRESS, METADATA_ADDRESS_V6, metadataMac } from '../../lib/contract/metadata-port.ts'
import { unlessMissing } from '../../lib/durable-files.ts'
import { exec, ExecError } from '../../lib/exec.ts'

const FOLDER = '/run/netns'
const PREFIX = 'nephele-'
const UID = /^[a-z0-9][a-z0-9-]{0,62}$/
/** The interface's name inside the namespace. */
export const INNER = 'meta0'
const TIMEOUT_MS = 10_000

export function namespaceName(networkUid: string): string {
  if (!UID.test(networkUid)) throw new TypeError('not a uid')
  return `${PREFIX}${networkUid}`
}

export function namespaceFile(networkUid: string): string {
  return `${FOLDER}/${namespaceName(networkUid)}`
}

/** The end that is plugged into the switch. */
export function metadataDevice(networkUid: string): string {
  if (!UID.test(networkUid)) throw new TypeError('not a uid')
  return `mtd${networkUid.slice(0, 11)}`
}

/**
 * Creates the namespace and its interface, or what is missing of them.
 * @returns whether it has IPv6: a host where that is switched off still serves IPv4
 */
export async function ensureNamespace(networkUid: string, mtu: number, signal: AbortSignal): Promise<boolean> {
  const [name, device] = [namespaceName(networkUid), metadataDevice(networkUid)]
  const run = (argv: [string, ...string[]], input?: string): Promise<unknown> =>
    exec(argv, { timeoutMs: TIMEOUT_MS, signal, ...(input === undefined ? {} : { input }) })
  const file = namespaceFile(networkUid)
  const isThere = await isNamespace(file)
  // A process killed while creating it leaves a plain file, which blocks the creation.
  if (!isThere && existsSync(file)) await ignoring(/No such file/, ['ip', 'netns', 'delete', name], signal)
  // Both ends have the same index: Node names the interface of a link-local address after the index, as its own namespace has it. Chosen anew
  // each time, since the index tells two devices apart (deviceInstance), and far above those that the kernel counts up to.
  const index = randomInt(1 << 28, 1 << 30)
  const peer = `peer name ${INNER} index ${index} netns ${name} mtu ${mtu} address ${metadataMac(networkUid)}`
  const outside = [
    ...(isThere ? [] : [`netns add ${name}`]),
    ...(existsSync(`/sys/class/net/${device}`)
      ? []
      : [`link add ${device} index ${index} mtu ${mtu} type veth ${peer}`]),
    `link set ${device} up mtu ${mtu}`,
  ]
  await run(['ip', '-batch', '-'], `${outside.join('\n')}\n`)
  const runInside = (lines: readonly string[]) => run(['ip', '-n', name, '-batch', '-'], `${lines.join('\n')}\n`)
  // Of IPv6 it has the one address that OVN answers for, before it is up and could make another.
  const hasIPv6 = await runInside([
    `link set ${INNER} addrgenmode none`,
    `address replace ${METADATA_ADDRESS_V6}/64 dev ${INNER} nodad`,
  ]).then(
    () => true,
    (error: unknown) => {
      if (error instanceof ExecError && !signal.aborted) return false
      throw error
    },
  )
  // The guests' addresses are on-link, whatever their subnets are; nothing is routed through here.
  await runInside([
    'link set lo up',
    `link set ${INNER} up mtu ${mtu}`,
    `address replace ${METADATA_ADDRESS}/32 dev ${INNER}`,
    `route replace default dev ${INNER} scope link src ${METADATA_ADDRESS}`,
  ])
  // The userspace switch does not complete checksums: with offloads on, guests drop every TCP segment.
  await run(['nsenter', `--net=${file}`, '--', 'ethtool', '-K', INNER, 'tx', 'off'])
  return hasIPv6
}

/** NSFS_MAGIC of linux/magic.h: a namespace is mounted on the file. */
const NSFS = 0x6e736673

/** A file in /run/netns may exist without a namespace. */
async function isNamespace(file: string): Promise<boolean> {
  return unlessMissing(async () => (await statfs(file)).type === NSFS, false)
}

export interface Neighbour {
  address: string
  mac: string
}

/**
 * Sets static neighbours, which fix the MACs that answers go to: a guest that sends from another's address, and claims it by ARP, does not
 * receive the answer. Repeating it changes nothing. By IPv6 the service is asked from link-local addresses alone.
 */
export async function fixNeighbours(
  networkUid: string,
  neighbours: readonly Neighbour[],
  signal: AbortSignal,
): Promise<void> {
  const lines = planNeighbours(neighbours)
  if (lines.length === 0) return
  const argv: [string, ...string[]] = ['ip', '-n', namespaceName(networkUid), '-batch', '-']
  await exec(argv, { timeoutMs: TIMEOUT_MS, signal, input: `${lines.join('\n')}\n` })
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/

/** Pure. */
export function planNeighbours(neighbours: readonly Neighbour[]): string[] {
  return neighbours
    .filter(({ address, mac }) => isOnLink(address) && MAC.test(mac))
    .map(({ address, mac }) => `neighbour replace ${address} lladdr ${mac} dev ${INNER} nud permanent`)
}

/** Whether the namespace reaches the address. */
function isOnLink(address: string): boolean {
  return isIPv4(address) || (isIPv6(address) && /^fe80::[0-9a-f:]+$/.test(address))
}

/** Success when they, or the namespace, are absent. */
export async function freeNeighbours(
  networkUid: string,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const address of addresses.filter(isOnLink)) {
    const argv: [string, ...string[]] = [
      'ip',
      '-n',
      namespaceName(networkUid),
      'neighbour',
      'delete',
      address,
      'dev',
      INNER,
    ]
    await ignoring(/No such file|Cannot find device|Cannot open network namespace/, argv, signal)
  }
}

/** The veth pair goes with the namespace. Absent is success. */
export async function removeNamespace(networkUid: string, signal: AbortSignal): Promise<void> {
  await ignoring(/Cannot find device/, ['ip', 'link', 'delete', metadataDevice(networkUid)], signal)
  await ignoring(/No such file/, ['ip', 'netns', 'delete', namespaceName(networkUid)], signal)
}

/** Networks that have a namespace of ours on this node. */
export async function listNamespaces(): Promise<string[]> {
  const names = await unlessMissing(() => readdir(FOLDER), [])
  return names
    .flatMap((name) => (name.startsWith(PREFIX) ? [name.slice(PREFIX.length)] : []))
    .filter((uid) => UID.test(uid))
}

async function ignoring(expected: RegExp, argv: [string, ...string[]], signal: AbortSignal): Promise<void> {
  try {
    await exec(argv, { timeoutMs: TIMEOUT_MS, signal })
  } catch (error) {
    if (!(error instanceof ExecError && expected.test(error.stderr))) throw error
  }
}
