// SPDX-License-Identifier: Apache-2.0

/**
 * Addresses in one line, for a column of `kubectl get`: of a list the apiserver prints the first item alone (its tableconvertor takes the first result of a
 * column's jsonPath). Undefined when there are none yet. Pure.
 */
export function toAddressList(addresses: readonly { ipAddress?: string }[]): string | undefined {
  const known = addresses.flatMap(({ ipAddress }) => ipAddress ?? [])
  return known.length === 0 ? undefined : known.join()
}
