// SPDX-License-Identifier: Apache-2.0
import type { MembersChange, RowChange } from './row-change.ts'
import { readUuids, type OvsValue } from './values.ts'

const NOBODY: ReadonlySet<string> = new Set()

/** One column of references of one table: by row, the uuids of its members. Changed in place, by as much as an update says. */
export class MemberSets {
  readonly #sets = new Map<string, Set<string>>()

  /** @param difference as update2 writes it: who is in it and was a member goes, who was none comes */
  toggle(row: string, difference: OvsValue | undefined): MembersChange {
    const added: string[] = []
    const removed: string[] = []
    const uuids = readUuids(difference)
    if (uuids.length === 0) return { added, removed }
    const members = this.#sets.get(row) ?? new Set<string>()
    for (const uuid of uuids) {
      if (members.delete(uuid)) removed.push(uuid)
      else {
        members.add(uuid)
        added.push(uuid)
      }
    }
    if (members.size > 0) this.#sets.set(row, members)
    else this.#sets.delete(row)
    return { added, removed }
  }

  delete(row: string): MembersChange {
    const removed = [...(this.#sets.get(row) ?? NOBODY)]
    this.#sets.delete(row)
    return { added: [], removed }
  }

  since(old: MemberSets | undefined, row: string): MembersChange {
    const before = (old && old.#sets.get(row)) ?? NOBODY
    const now = this.#sets.get(row) ?? NOBODY
    return {
      added: [...now].filter((uuid) => !before.has(uuid)),
      removed: [...before].filter((uuid) => !now.has(uuid)),
    }
  }
}

/** Nothing at all when nobody came or went. */
export function toMembers(changes: readonly (readonly [string, MembersChange])[]): Pick<RowChange, 'members'> {
  const real = changes.filter(([, { added, removed }]) => added.length + removed.length > 0)
  return real.length === 0 ? {} : { members: Object.fromEntries(real) }
}
