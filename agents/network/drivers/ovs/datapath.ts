// SPDX-License-Identifier: Apache-2.0
// Which datapath the guests' bridge uses: the kernel's (`system`, usual without DPDK) or the switch's own (`netdev`). The host's setup
// decides, once: the datapath cannot change under running machines, since taps of one are not ports of the other.
import { readMap, readSet, readString } from '../../../../lib/ovsdb/values.ts'
import { INTEGRATION_BRIDGE } from './plug-plan.ts'
import { findByName, rootRow, type SwitchView } from './switch-database.ts'

export type Datapath = 'system' | 'netdev'

/** ovn-controller(8): the type that it gives the bridge; takes precedence here too. */
export const DATAPATH_KEY = 'ovn-bridge-datapath-type'

/**
 * | external_ids:ovn-bridge-datapath-type | DPDK runs | br-int               | the switch offers `system` | then   |
 * |---------------------------------------|-----------|----------------------|----------------------------|--------|
 * | system or netdev                      | any       | any                  | any                        | that   |
 * | else                                  | yes       | any                  | any                        | netdev |
 * | else                                  | no        | is, of type system   | yes                        | system |
 * | else                                  | no        | is not, or is netdev | any                        | netdev |
 * An empty type of a bridge is `system` (ovs-vswitchd.conf.db(5)). Pure.
 */
export function chooseDatapath(view: SwitchView): Datapath {
  const root = rootRow(view)?.row
  const said = readMap(root?.['external_ids'])[DATAPATH_KEY]
  if (said === 'system' || said === 'netdev') return said
  if (readSet(root?.['dpdk_initialized']).includes(true)) return 'netdev'
  const bridge = findByName(view, 'Bridge', INTEGRATION_BRIDGE)?.row
  const isSystem = bridge !== undefined && ['', 'system'].includes(readString(bridge['datapath_type']) ?? '')
  return isSystem && readSet(root?.['datapath_types']).includes('system') ? 'system' : 'netdev'
}
