// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../../lib/errors.ts'
import type { OvsdbClient } from '../../../../lib/ovsdb/client.ts'
import type { NetworkDriver } from '../../network-driver.ts'
import { LOGICAL_KINDS, type LogicalKind, type LogicalWant } from '../../logical-kinds.ts'
import { Northbound } from '../northbound.ts'
import { PendingNames } from '../pending-names.ts'
import { PLANNERS, planWant } from '../planners.ts'

export interface Drift {
  kind: LogicalKind
  uid: string
  /** `extra`: carries our mark, but nothing asks for it. */
  what: 'missing-or-changed' | 'extra'
}

/** A connection of its own, not a driver's: its tables come with all their members. */
type Raw = Pick<OvsdbClient, 'rows' | 'transact'>

/** Where the database differs from these wants, each judged alone by the driver's own planners on a fresh mirror. */
export async function driftOf(raw: Raw, world: readonly LogicalWant[], signal: AbortSignal): Promise<Drift[]> {
  await raw.transact([{ op: 'comment', comment: 'sync' }], signal)
  const nb = new Northbound((table) => raw.rows(table), PLANNERS)
  const differs = (want: LogicalWant) => {
    try {
      const { operations, names } = planWant(want.kind, want, nb)
      const rows = (uuid: string) => nb.get('DNS', uuid)?.row
      return operations.length > 0 || PendingNames.none.plus(names, rows) !== PendingNames.none
    } catch {
      return true
    }
  }
  const wanted = new Set(world.map(({ kind, uid }) => `${kind}/${uid}`))
  const extra = nb.owned().filter(({ kind, uid }) => !wanted.has(`${kind}/${uid}`))
  return [
    ...inOrder(world.filter(differs)).map(({ kind, uid }) => ({ kind, uid, what: 'missing-or-changed' as const })),
    ...extra.map(({ kind, uid }) => ({ kind, uid, what: 'extra' as const })),
  ]
}

/** Ensures each want in dependency order, as the controllers do. A router whose firewall comes after it is opened by that. */
export async function ensureAll(
  driver: Pick<NetworkDriver, 'ensure'>,
  world: readonly LogicalWant[],
  signal: () => AbortSignal,
): Promise<void> {
  for (const want of inOrder(world)) {
    await driver.ensure(want, signal()).catch((error: unknown) => {
      if (!(error instanceof TransientError && error.reason === 'FirewallPending')) throw error
    })
  }
}

/** Removes what nothing asks for, dependents first, as the supervision does. */
export async function removeExtra(
  driver: Pick<NetworkDriver, 'remove'>,
  drift: readonly Drift[],
  signal: () => AbortSignal,
): Promise<void> {
  const extra = drift.filter(({ what }) => what === 'extra')
  for (const { kind, uid } of inOrder(extra).reverse()) await driver.remove(kind, uid, signal())
}

function inOrder<T extends { kind: LogicalKind }>(rows: readonly T[]): T[] {
  return [...rows].sort((a, b) => LOGICAL_KINDS.indexOf(a.kind) - LOGICAL_KINDS.indexOf(b.kind))
}
