// SPDX-License-Identifier: Apache-2.0
import { isPropertySpec } from '../../../lib/image-properties.ts'
import { isNumaSpec } from '../numa/numa-wish.ts'

/** Which extra specs of a Flavor filters read, beside those of NUMA and of the guest's devices: those that stand beside a machine's size for when it is placed again. */
const SCOPES = ['aggregate_instance_extra_specs', 'capabilities', 'nephele']

export type ExtraSpecs = Readonly<Record<string, string>>

export function readByFilters(extraSpecs: ExtraSpecs | undefined): ExtraSpecs {
  const read = ([key]: [string, string]) =>
    !key.includes(':') || SCOPES.includes(key.slice(0, key.indexOf(':'))) || isNumaSpec(key) || isPropertySpec(key)
  return Object.fromEntries(Object.entries(extraSpecs ?? {}).filter(read))
}
