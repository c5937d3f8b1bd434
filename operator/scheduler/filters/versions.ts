// SPDX-License-Identifier: Apache-2.0

/** Numbers with dots, number by number; what is missing is 0. Below 0: the first is older. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)]
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function numbersOf(version: string): number[] {
  return version.split('.').map((part) => Number.parseInt(part, 10) || 0)
}

/** As Nova counts versions of hypervisors: 10.0.2 is 10000002. */
export function versionNumber(version: string): number {
  const [major = 0, minor = 0, micro = 0] = numbersOf(version)
  return major * 1_000_000 + minor * 1_000 + micro
}
