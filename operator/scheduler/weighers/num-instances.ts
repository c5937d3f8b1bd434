// SPDX-License-Identifier: Apache-2.0
import type { ColumnWeigher } from './weigher.ts'

/** By the number of machines; as in Nova it counts nothing until a profile gives it a multiplier: a negative one spreads. */
export const numInstancesWeigher: ColumnWeigher = {
  name: 'NumInstancesWeigher',
  multiplier: 0,
  by: 'column',
  column: 'instances',
}
