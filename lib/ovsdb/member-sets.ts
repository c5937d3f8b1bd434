// SPDX-License-Identifier: Apache-2.0
import type { MembersChange, RowChange } from './row-change.ts'
import { readUuids, type OvsValue } from './values.ts'

const NOBODY: ReadonlySet<string> = new Set()

/** One reference column of one table: the uuids of each row's members. Changed in place, at a cost proportional to the update. */
export class MemberSets {
  readonly #sets = new Map<string, Set<string>>()

  /** @param difference as in update2: a uuid in it that was a member is removed, any other is added */
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

/** Empty when no member was added or removed. */
export function toMembers(changes: readonly (readonly [string, MembersChange])[]): Pick<RowChange, 'members'> {
  const real = changes.filter(([, { added, removed }]) => added.length + removed.length > 0)
  return real.length === 0 ? {} : { members: Object.fromEntries(real) }
}
