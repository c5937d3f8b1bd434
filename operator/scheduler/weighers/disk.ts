// SPDX-License-Identifier: Apache-2.0
import type { ColumnWeigher } from './weigher.ts'

export const diskWeigher: ColumnWeigher = {
  name: 'DiskWeigher',
  multiplier: 1,
  by: 'column',
  column: 'diskGiB',
  minimum: 0,
}
