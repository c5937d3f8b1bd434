// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'

/** Whether it is of a host that is no machine of this cloud. */
export function isOutside({ spec }: Port): boolean {
  return spec.vnicType === 'external'
}
