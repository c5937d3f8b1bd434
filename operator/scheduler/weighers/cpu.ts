// SPDX-License-Identifier: Apache-2.0
import type { ColumnWeigher } from './weigher.ts'

export const cpuWeigher: ColumnWeigher = {
  name: 'CPUWeigher',
  multiplier: 1,
  by: 'column',
  column: 'vcpus',
  minimum: 0,
}
