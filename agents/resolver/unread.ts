// SPDX-License-Identifier: Apache-2.0

export interface Unread<T> {
  of: T
  networkUid: string
  bytes: number
}

/** Who ends so that no more than so many bytes are left: each time the one with most bytes of the network with most. Pure. */
export function whoGivesWay<T>(unread: readonly Unread<T>[], mostBytes: number): T[] {
  let all = unread.reduce((sum, { bytes }) => sum + bytes, 0)
  if (all <= mostBytes) return []
  const left = [...unread].sort((a, b) => b.bytes - a.bytes)
  const sums = new Map<string, number>()
  for (const { networkUid, bytes } of left) sums.set(networkUid, (sums.get(networkUid) ?? 0) + bytes)
  const gone: T[] = []
  while (all > mostBytes) {
    const [most] = [...sums].reduce((a, b) => (b[1] > a[1] ? b : a))
    const [one] = left.splice(
      left.findIndex(({ networkUid }) => networkUid === most),
      1,
    )
    if (!one) break
    gone.push(one.of)
    all -= one.bytes
    sums.set(most, (sums.get(most) ?? 0) - one.bytes)
  }
  return gone
}
