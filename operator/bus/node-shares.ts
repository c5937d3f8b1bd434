// SPDX-License-Identifier: Apache-2.0
// What one node may put into the bucket that all nodes share, and into this process's memory (docs/decisions/0017).
import type { Logger } from '../../lib/log.ts'
import type { Excess } from './bus.ts'

export interface NodeShare {
  /** Keys under its own name, including those that nobody understands. */
  documents: number
  /** Of all of them together, as stored. */
  bytes: number
  /** Keys that no document and no resource asked for: leftovers, what a lost bus or a restored store does not know of. */
  unasked: number
  /** Reports, by the KiB begun of each, or heartbeats, within WINDOW_MS: what it costs to read and keep them. All of a node's documents come at once when a bucket is read or the bus was away. */
  words: number
  beats: number
}

/** A node with 500 machines of four ports and volumes each has 4,500 documents of some 700 bytes. */
export const DEFAULT_SHARE: NodeShare = {
  documents: 8_192,
  bytes: 8 * 1024 * 1024,
  unasked: 1_024,
  words: 40_000,
  beats: 200,
}
export const WINDOW_MS = 10_000
/** Messages of logged packets within WINDOW_MS, of which a node sends two: those beyond are not read. */
const MOST_PACKET_LOGS = 4
/** Names with an account. A cloud has fewer nodes; whoever writes under more has invented them. */
const MOST_NODES = 16_384

const NONE = { words: 0, beats: 0, packetLogs: 0 }

interface Account {
  sizes: Map<string, number>
  bytes: number
  unasked: Set<string>
  windowFromMs: number
  words: number
  beats: number
  packetLogs: number
}

export interface NodeSharesOptions {
  share?: NodeShare
  /** Names with an account; see MOST_NODES. */
  nodes?: number
  log: Logger
  /** Monotonic, in milliseconds. */
  now?: () => number
  /** Called for each report beyond the share, which is not kept. */
  onExcess?: (node: string, excess: Excess) => void
}

/**
 * Keeps the accounts. Their own size is bounded by the shares: what is refused is not recorded. A node within its share never notices;
 * one beyond it hurts only itself, since it alone can have written what is under its name (docs/decisions/0031).
 */
export class NodeShares {
  readonly #share: NodeShare
  readonly #nodes: number
  #sweptMs = -Infinity
  readonly #now: () => number
  readonly #log: Logger
  readonly #onExcess: (node: string, excess: Excess) => void
  readonly #accounts = new Map<string, Account>()

  constructor({
    share = DEFAULT_SHARE,
    nodes = MOST_NODES,
    log,
    now = () => performance.now(),
    onExcess,
  }: NodeSharesOptions) {
    this.#share = share
    this.#nodes = nodes
    this.#now = now
    this.#log = log
    this.#onExcess = onExcess ?? (() => undefined)
  }

  /**
   * May this report be kept? The same key again takes the place of what it was before.
   * @param isAsked does a document or a resource ask for it; looked at for new keys only
   */
  admit(node: string, key: string, bytes: number, isAsked: () => boolean): boolean {
    const account = this.#account(node)
    if (!account) return false
    account.words += Math.max(1, Math.ceil(bytes / 1024))
    if (account.words > this.#share.words) return this.#refuse(node, 'Words')
    const before = account.sizes.get(key)
    if (before === undefined && account.sizes.size >= this.#share.documents) return this.#refuse(node, 'Documents')
    if (account.bytes - (before ?? 0) + bytes > this.#share.bytes) return this.#refuse(node, 'Bytes')
    if (before === undefined && !isAsked()) {
      if (account.unasked.size >= this.#share.unasked) return this.#refuse(node, 'Unasked')
      account.unasked.add(key)
    }
    account.sizes.set(key, bytes)
    account.bytes += bytes - (before ?? 0)
    return true
  }

  /** A heartbeat: may it be listened to? */
  beat(node: string): boolean {
    const account = this.#account(node)
    if (!account) return false
    account.beats += 1
    return account.beats <= this.#share.beats || this.#refuse(node, 'Beats')
  }

  /** A message of logged packets: may it be read? More of them do no harm, since nothing keeps them. */
  packetLog(node: string): boolean {
    const account = this.#account(node)
    if (!account) return false
    account.packetLogs += 1
    return account.packetLogs <= MOST_PACKET_LOGS
  }

  /** The key was removed from the bucket. */
  release(node: string, key: string): void {
    const account = this.#accounts.get(node)
    const bytes = account?.sizes.get(key)
    if (!account || bytes === undefined) return
    account.sizes.delete(key)
    account.unasked.delete(key)
    account.bytes -= bytes
  }

  /** All its keys were. */
  releaseAll(node: string): void {
    const account = this.#accounts.get(node)
    if (!account) return
    account.sizes.clear()
    account.unasked.clear()
    account.bytes = 0
  }

  /** Undefined: there are too many names already. */
  #account(node: string): Account | undefined {
    const now = this.#now()
    let account = this.#accounts.get(node)
    if (!account) {
      if (this.#accounts.size >= this.#nodes) this.#sweep(now)
      if (this.#accounts.size >= this.#nodes) return undefined
      account = { sizes: new Map(), bytes: 0, unasked: new Set(), windowFromMs: now, ...NONE }
      this.#accounts.set(node, account)
    }
    if (now - account.windowFromMs >= WINDOW_MS) Object.assign(account, { windowFromMs: now, ...NONE })
    return account
  }

  /** Forgets accounts with nothing in the bucket whose node was not heard for a while: the node is gone. Runs only once in a while. */
  #sweep(now: number): void {
    if (now - this.#sweptMs < WINDOW_MS) return
    this.#sweptMs = now
    for (const [node, { sizes, windowFromMs }] of this.#accounts)
      if (sizes.size === 0 && now - windowFromMs >= WINDOW_MS) this.#accounts.delete(node)
    if (this.#accounts.size >= this.#nodes)
      this.#log.error(
        { nodes: this.#accounts.size },
        'more names than nodes write to the bus: further ones are not heard',
      )
  }

  #refuse(node: string, excess: Excess): false {
    this.#log.debug({ node, excess }, 'word beyond the share of its node')
    this.#onExcess(node, excess)
    return false
  }
}
