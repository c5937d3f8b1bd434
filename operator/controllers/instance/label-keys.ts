// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'

/** `team/app=web` for each label of a machine: selectors find it by one of them. */
export function labelKeysOf({ metadata }: Pick<Instance, 'metadata'>): string[] {
  return Object.entries(metadata.labels ?? {}).map(([key, value]) => labelKey(metadata.namespace, key, value))
}

export function labelKey(namespace: string | undefined, key: string, value: string): string {
  return `${namespace ?? ''}/${key}=${value}`
}
