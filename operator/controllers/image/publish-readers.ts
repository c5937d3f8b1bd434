// SPDX-License-Identifier: Apache-2.0
// What this process last told the nodes of a store about who may read a file. The bus keeps no documents in memory to compare with.
import type { ImageReader } from '../../../lib/contract/documents.ts'
import type { Bus, DesiredEntry } from '../../bus/bus.ts'
import { OneAtATime } from '../../../lib/one-at-a-time.ts'

type Desired = Bus['desired']

interface Given {
  /** Of the document: another one was written by somebody else. */
  revision: number | undefined
  keys: ReadonlyMap<string, string>
}

/** The lists of one Image. */
export class GivenReaders {
  /** By the node that keeps a copy. */
  readonly #given = new Map<string, Given>()
  /**
   * One after another: the Image's own controller and those of its machines write the same lists, and one that was made before another node
   * was told must not be written after.
   */
  readonly writes = new OneAtATime()

  note(copyNode: string, readers: readonly ImageReader[], entry: DesiredEntry | undefined): void {
    const keys = new Map(readers.map(({ node, key }) => [node, key]))
    this.#given.set(copyNode, { revision: entry?.revision, keys })
  }

  /** @param key undefined: it may read nothing */
  says(copyNode: string, reader: string, key: string | undefined, entry: DesiredEntry | undefined): boolean {
    const given = this.#given.get(copyNode)
    return given !== undefined && given.revision === entry?.revision && given.keys.get(reader) === key
  }
}

const GIVEN = new WeakMap<Desired, Map<string, GivenReaders>>()

export function givenReadersOf(uid: string, desired: Desired): GivenReaders {
  const byUid = GIVEN.get(desired) ?? new Map<string, GivenReaders>()
  GIVEN.set(desired, byUid)
  const given = byUid.get(uid) ?? new GivenReaders()
  byUid.set(uid, given)
  return given
}

/** Of an Image that is gone. */
export function forgetReaders(uid: string, desired: Desired): void {
  GIVEN.get(desired)?.delete(uid)
}
