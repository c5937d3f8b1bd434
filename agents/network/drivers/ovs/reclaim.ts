// SPDX-License-Identifier: Apache-2.0
// OVN 25.03 takes `ovn-installed` from the interface of a port when a port that came by it ends: a virtual one that it spoke for, or a subport
// (mended by OVN's commit 1e5fe58ec). Its flows stay. It looks at the interface again when its iface-id-ver changes, which counts for nothing else
// where OVN's port asks for none.
import { byUuid, type Operation } from '../../../../lib/ovsdb/operations.ts'
import type { RowChange } from '../../../../lib/ovsdb/row-change.ts'
import { mapOf, readMap, readNumber, setOf } from '../../../../lib/ovsdb/values.ts'
import { toPluggedPort } from './plug-plan.ts'

const VERSION = 'iface-id-ver'

/**
 * Makes ovn-controller look again at interfaces of ours that have lost the mark while nothing else about them changed. One that it has let go of for a
 * reason it leaves alone.
 */
export function reclaimOperations(changes: readonly RowChange[]): Operation[] {
  return changes.flatMap(({ table, uuid, before, after }): Operation[] => {
    if (table !== 'Interface' || !before || !after || !toPluggedPort(after)) return []
    const [had, has] = [readMap(before['external_ids']), readMap(after['external_ids'])]
    const isSame = had['iface-id'] === has['iface-id'] && (readNumber(after['ofport']) ?? -1) > 0
    if (!isSame || had['ovn-installed'] !== 'true' || has['ovn-installed'] === 'true') return []
    const next = String(Number(has[VERSION] ?? 0) + 1)
    const mutations = [
      ['external_ids', 'delete', setOf([VERSION])],
      ['external_ids', 'insert', mapOf({ [VERSION]: next })],
    ] as const
    return [{ op: 'mutate', table: 'Interface', where: byUuid(uuid), mutations }]
  })
}
