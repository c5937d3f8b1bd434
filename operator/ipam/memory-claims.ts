// SPDX-License-Identifier: Apache-2.0
import type { BlockRef, ClaimEntry, StoredBlock } from './claim-block.ts'
import type { ClaimStore, Written } from './claim-store.ts'

/** How the next call fails: its request is lost before anything is written, or its answer is lost after the write. */
export type Fault = 'request' | 'answer'

/** A store in memory, as atomic as the apiserver's writes. For tests. */
export class MemoryClaims implements ClaimStore {
  readonly blocks = new Map<string, StoredBlock>()
  /** Writes that took effect. */
  writes = 0
  /** Called before each call; returns the fault to inject, if any. May wait. */
  beforeCall: (call: 'find' | 'write', ref: BlockRef) => Fault | undefined | Promise<Fault | undefined> = () =>
    undefined
  /** Called with each change, as a watch would bring it. */
  afterChange: (old: StoredBlock | undefined, block: StoredBlock | undefined) => void = () => undefined
  #version = 0
  #uids = 0

  /** The claims of all blocks, by address. */
  holders(): Map<string, ClaimEntry> {
    return new Map([...this.blocks.values()].flatMap(({ entries }) => entries.map((entry) => [entry.address, entry])))
  }

  /** Injects the fault into the next call of this kind, once. */
  failNext(call: 'find' | 'write', fault: Fault): void {
    const before = this.beforeCall
    this.beforeCall = (called, ref) => {
      if (called !== call) return before(called, ref)
      this.beforeCall = before
      return fault
    }
  }

  async find(ref: BlockRef): Promise<StoredBlock | undefined> {
    const fault = await this.beforeCall('find', ref)
    if (fault) throw new Error('no answer')
    return this.blocks.get(ref.name)
  }

  async write(ref: BlockRef, base: StoredBlock | undefined, entries: readonly ClaimEntry[]): Promise<Written> {
    const fault = await this.beforeCall('write', ref)
    if (fault === 'request') throw new Error('no answer')
    const written = this.#write(ref, base, entries)
    if (fault === 'answer') throw new Error('no answer')
    return written
  }

  #write(ref: BlockRef, base: StoredBlock | undefined, entries: readonly ClaimEntry[]): Written {
    const stored = this.blocks.get(ref.name)
    if (stored?.metadata.uid !== base?.metadata.uid) return { kind: 'conflict' }
    if (stored?.metadata.resourceVersion !== base?.metadata.resourceVersion) return { kind: 'conflict' }
    this.writes++
    if (entries.length === 0) {
      this.blocks.delete(ref.name)
      this.afterChange(stored, undefined)
      return { kind: 'removed' }
    }
    const uid = stored?.metadata.uid ?? `uid-${++this.#uids}`
    const block = {
      ...ref,
      metadata: { uid, resourceVersion: String(++this.#version) },
      entries: structuredClone(entries),
    }
    this.blocks.set(ref.name, block)
    this.afterChange(stored, block)
    return { kind: 'stored', block }
  }
}
