// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../../lib/errors.ts'
import type { OvsdbClient } from '../../../../lib/ovsdb/client.ts'
import type { Operation } from '../../../../lib/ovsdb/operations.ts'
import { readNumber } from '../../../../lib/ovsdb/values.ts'
import { countChange } from './plug-plan.ts'
import { rootRow } from './switch-database.ts'

export const SWITCH_TIMEOUT_MS = 10_000

/**
 * Resolves when the switch itself has done it, and not only its database: the switch compares ports by name, so one that is removed and
 * added between two of its passes would keep its dead device.
 * @throws TransientError SwitchNotReady
 */
export async function transactApplied(
  database: Pick<OvsdbClient, 'rows' | 'transact' | 'waitUntil'>,
  operations: readonly Operation[],
  signal: AbortSignal,
): Promise<void> {
  const results = await database.transact([...operations, ...countChange()], signal)
  const wanted = readNumber(results.at(operations.length + 1)?.rows?.[0]?.['next_cfg']) ?? 0
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(SWITCH_TIMEOUT_MS)])
  const isDone = (): true | undefined => {
    const current = readNumber(rootRow(database)?.row['cur_cfg']) ?? -1
    return current >= wanted ? true : undefined
  }
  await database.waitUntil(isDone, deadline).catch((error: unknown) => {
    signal.throwIfAborted()
    throw new TransientError('SwitchNotReady', 'the virtual switch of the node does not answer', { cause: error })
  })
}
