// SPDX-License-Identifier: Apache-2.0
// Whether the namespace of a service is as it was left, by the files that the kernel has of a program inside (proc(5)): no process is started for it.
import { createHash } from 'node:crypto'
import { readFile, readlink, stat } from 'node:fs/promises'
import { codeOf, isMissing } from '../../lib/durable-files.ts'
import { namespaceFileOf } from './veth-namespace.ts'

/** What these files do not show (rules, settings of devices, the way of a route in a table of its own) is looked at so often. */
const WHOLE_MS = 15 * 60_000

export interface Standing {
  /** Of the namespace. */
  name: string
  /** Outer ends. */
  devices: readonly string[]
  /** Of a program inside, if one runs. */
  pid: number | undefined
  /** All that is asked of it, as JSON. */
  asked: unknown
}

export interface Settling {
  /** Everything is as a pass before found it, and left it, for the same wish. */
  isSettled: boolean
  /** After a pass that has looked at everything. */
  end(): Promise<void>
}

export class SettledNamespaces {
  readonly #byUid = new Map<string, { print: string; at: number }>()
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Before anything is done in it. */
  async begin(uid: string, standing: Standing): Promise<Settling> {
    const print = await fingerprint(standing)
    const held = this.#byUid.get(uid)
    if (held !== undefined && held.print === print && this.#now() - held.at < WHOLE_MS)
      return { isSettled: true, end: () => Promise.resolve() }
    this.#byUid.delete(uid)
    const end = async (): Promise<void> => {
      // What changed meanwhile was perhaps not seen by the pass.
      if (print !== undefined && (await fingerprint(standing)) === print)
        this.#byUid.set(uid, { print, at: this.#now() })
    }
    return { isSettled: false, end }
  }

  forget(uid: string): void {
    this.#byUid.delete(uid)
  }
}

/** Undefined: it cannot be told. */
async function fingerprint({ name, devices, pid, asked }: Standing): Promise<string | undefined> {
  if (pid === undefined) return undefined
  try {
    const { ino } = await stat(namespaceFileOf(name))
    if ((await readlink(`/proc/${pid}/ns/net`)) !== `net:[${ino}]`) return undefined
    const outer = devices.flatMap((device) =>
      ['ifindex', 'flags', 'mtu', 'operstate'].map((file) => readFile(`/sys/class/net/${device}/${file}`, 'utf8')),
    )
    const inner = ['dev', 'fib_trie', 'route', 'if_inet6', 'ipv6_route'].map((file) => readInner(pid, file))
    const texts = await Promise.all([...outer, ...inner])
    return createHash('sha256')
      .update(JSON.stringify([asked, ino, texts]))
      .digest('base64')
  } catch (error) {
    // It, a device or the program went, or is not this process's to look at.
    if (isMissing(error) || ['ESRCH', 'ENODEV', 'EINVAL', 'EACCES', 'EPERM'].includes(codeOf(error) ?? ''))
      return undefined
    throw error
  }
}

async function readInner(pid: number, file: string): Promise<string> {
  const text = await readFile(`/proc/${pid}/net/${file}`, 'utf8').catch((error: unknown) => {
    // A host without IPv6.
    if (isMissing(error)) return ''
    throw error
  })
  return withoutCounters(file, text)
}

/** What counts packets, or users, changes by itself. Pure. */
export function withoutCounters(file: string, text: string): string {
  const lines = text.split('\n')
  if (file === 'dev') return lines.map((line) => line.split(':')[0] ?? '').join('\n')
  if (file !== 'ipv6_route') return text
  // Destination, source and next hop; metric; references and uses; flags and device.
  return lines.map((line) => line.split(/\s+/).toSpliced(6, 2).join(' ')).join('\n')
}
