// SPDX-License-Identifier: Apache-2.0
import type { ColumnWeigher } from './weigher.ts'

export const ramWeigher: ColumnWeigher = {
  name: 'RAMWeigher',
  multiplier: 1,
  by: 'column',
  column: 'memoryMiB',
  minimum: 0,
}
