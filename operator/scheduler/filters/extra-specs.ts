// SPDX-License-Identifier: Apache-2.0

/** Which extra specs of a Flavor filters read: those that stand beside a machine's size for when it is placed again. */
const SCOPES = ['aggregate_instance_extra_specs', 'capabilities', 'nephele']

export type ExtraSpecs = Readonly<Record<string, string>>

export function readByFilters(extraSpecs: ExtraSpecs | undefined): ExtraSpecs {
  const read = ([key]: [string, string]) => !key.includes(':') || SCOPES.includes(key.slice(0, key.indexOf(':')))
  return Object.fromEntries(Object.entries(extraSpecs ?? {}).filter(read))
}
