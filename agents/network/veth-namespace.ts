// SPDX-License-Identifier: Apache-2.0
// A network namespace on a node with one interface, the other end of which is plugged into the switch. Both belong to the kernel and outlive
// this process and the switch's; every step can be repeated, which is how a new agent adopts them.
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, statfs } from 'node:fs/promises'
import { unlessMissing } from '../../lib/durable-files.ts'
import { exec, ExecError } from '../../lib/exec.ts'

const FOLDER = '/run/netns'
const TIMEOUT_MS = 10_000

export interface VethNamespace {
  /** Of the namespace; a prefix of one's own keeps the services of a node apart. */
  name: string
  /** The end that is plugged into the switch. */
  device: string
  /** The end inside. */
  inner: string
  mac: string
  mtu: number
}

export function namespaceFileOf(name: string): string {
  return `${FOLDER}/${name}`
}

/** Creates the namespace and both ends, or what is missing of them. The inner end is left down: run `ip` inside for the rest. */
export async function ensureVeth({ name, device, inner, mac, mtu }: VethNamespace, signal: AbortSignal): Promise<void> {
  const file = namespaceFileOf(name)
  const isThere = await isNamespace(file)
  // A process killed while creating it leaves a plain file, which blocks the creation.
  if (!isThere && existsSync(file)) await removeNamed(name, signal)
  // Both ends have the same index: Node names the interface of a link-local address after the index, as its own namespace has it. Chosen anew
  // each time, since the index tells two devices apart (deviceInstance), and far above those that the kernel counts up to.
  const index = randomInt(1 << 28, 1 << 30)
  const peer = `peer name ${inner} index ${index} netns ${name} mtu ${mtu} address ${mac}`
  const lines = [
    ...(isThere ? [] : [`netns add ${name}`]),
    ...(existsSync(`/sys/class/net/${device}`)
      ? []
      : [`link add ${device} index ${index} mtu ${mtu} type veth ${peer}`]),
    `link set ${device} up mtu ${mtu}`,
  ]
  await exec(['ip', '-batch', '-'], { timeoutMs: TIMEOUT_MS, signal, input: `${lines.join('\n')}\n` })
}

/**
 * Runs lines of ip(8) inside.
 * @param lines of names and addresses that were checked: never of anybody's text
 * @param family of lines that do not tell by themselves
 */
export async function ipInside(
  name: string,
  lines: readonly string[],
  signal: AbortSignal,
  family?: '-4' | '-6',
): Promise<void> {
  const input = `${lines.join('\n')}\n`
  const argv = ['ip', ...(family ? [family] : []), '-n', name, '-batch', '-'] as const
  await exec(argv, { timeoutMs: TIMEOUT_MS, signal, input })
}

/** The userspace switch does not complete checksums: with offloads on, guests drop every TCP segment. */
export async function completeChecksums({ name, inner }: VethNamespace, signal: AbortSignal): Promise<void> {
  const argv = ['nsenter', `--net=${namespaceFileOf(name)}`, '--', 'ethtool', '-K', inner, 'tx', 'off'] as const
  await exec(argv, { timeoutMs: TIMEOUT_MS, signal })
}

/** The pair goes with the namespace, and what runs in it loses the network. Absent is success. */
export async function removeVeth({ name, device }: Pick<VethNamespace, 'name' | 'device'>, signal: AbortSignal) {
  await ipUnless(/Cannot find device/, ['link', 'delete', device], signal)
  await removeNamed(name, signal)
}

/** What follows the prefix in the names of namespaces. */
export async function listNamespaces(prefix: string): Promise<string[]> {
  const names = await unlessMissing(() => readdir(FOLDER), [])
  return names.flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []))
}

/** @param expected a failure that is none */
export async function ipUnless(expected: RegExp, args: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    await exec(['ip', ...args], { timeoutMs: TIMEOUT_MS, signal })
  } catch (error) {
    if (!(error instanceof ExecError && expected.test(error.stderr))) throw error
  }
}

async function removeNamed(name: string, signal: AbortSignal): Promise<void> {
  await ipUnless(/No such file/, ['netns', 'delete', name], signal)
}

/** NSFS_MAGIC of linux/magic.h: a namespace is mounted on the file. */
const NSFS = 0x6e736673

/** A file in /run/netns may exist without a namespace. */
async function isNamespace(file: string): Promise<boolean> {
  return unlessMissing(async () => (await statfs(file)).type === NSFS, false)
}
