// SPDX-License-Identifier: Apache-2.0
// A network namespace for each network that has a guest on this node.
import { isIPv4, isIPv6 } from 'node:net'
import { METADATA_ADDRESS, METADATA_ADDRESS_V6, metadataMac } from '../../lib/contract/metadata-port.ts'
import { exec, ExecError } from '../../lib/exec.ts'
import {
  completeChecksums,
  ensureVeth,
  ipInside,
  ipUnless,
  listNamespaces as listNamed,
  namespaceFileOf,
  removeVeth,
} from '../network/veth-namespace.ts'

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
  return namespaceFileOf(namespaceName(networkUid))
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
  const [name, device, mac] = [namespaceName(networkUid), metadataDevice(networkUid), metadataMac(networkUid)]
  const veth = { name, device, inner: INNER, mac, mtu }
  await ensureVeth(veth, signal)
  // Of IPv6 it has the one address that OVN answers for, before it is up and could make another.
  const six = [`link set ${INNER} addrgenmode none`, `address replace ${METADATA_ADDRESS_V6}/64 dev ${INNER} nodad`]
  const hasIPv6 = await ipInside(name, six, signal).then(
    () => true,
    (error: unknown) => {
      if (error instanceof ExecError && !signal.aborted) return false
      throw error
    },
  )
  // The guests' addresses are on-link, whatever their subnets are; nothing is routed through here.
  const four = [
    'link set lo up',
    `link set ${INNER} up mtu ${mtu}`,
    `address replace ${METADATA_ADDRESS}/32 dev ${INNER}`,
    `route replace default dev ${INNER} scope link src ${METADATA_ADDRESS}`,
  ]
  await ipInside(name, four, signal)
  await completeChecksums(veth, signal)
  return hasIPv6
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
    const args = ['-n', namespaceName(networkUid), 'neighbour', 'delete', address, 'dev', INNER]
    await ipUnless(/No such file|Cannot find device|Cannot open network namespace/, args, signal)
  }
}

/** The veth pair goes with the namespace. Absent is success. */
export async function removeNamespace(networkUid: string, signal: AbortSignal): Promise<void> {
  await removeVeth({ name: namespaceName(networkUid), device: metadataDevice(networkUid) }, signal)
}

/** Networks that have a namespace of ours on this node. */
export async function listNamespaces(): Promise<string[]> {
  return (await listNamed(PREFIX)).filter((uid) => UID.test(uid))
}
