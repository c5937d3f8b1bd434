// SPDX-License-Identifier: Apache-2.0

/**
 * Whether `a` is a later version than `b`. Resource versions of one kind are decimal numbers of any length that may be compared:
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions (KEP-5504; true of every etcd-backed apiserver before).
 */
export function isLaterVersion(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length
}
