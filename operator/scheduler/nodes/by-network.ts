// SPDX-License-Identifier: Apache-2.0
// Amounts of several kinds, of each physical network.

/** By physical network; one that is absent has none of anything. */
export type ByNetwork<Kind extends string> = Readonly<Record<string, Readonly<Record<Kind, number>>>>

/** Networks of which nothing is left are left out; undefined: all are. */
export function combineByNetwork<Kind extends string>(
  kinds: readonly Kind[],
  a: ByNetwork<Kind> | undefined,
  b: ByNetwork<Kind> | undefined,
  with_: (x: number, y: number) => number,
): Record<string, Record<Kind, number>> | undefined {
  if (!a && !b) return undefined
  const names = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])
  const entries = [...names].flatMap((name): [string, Record<Kind, number>][] => {
    const amounts = kinds.map((kind) => [kind, with_(a?.[name]?.[kind] ?? 0, b?.[name]?.[kind] ?? 0)] as const)
    if (amounts.every(([, amount]) => amount === 0)) return []
    return [[name, Object.fromEntries(amounts) as Record<Kind, number>]]
  })
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/** Whether `a` is no more than `b` of anything. */
export function isWithinByNetwork<Kind extends string>(
  kinds: readonly Kind[],
  a: ByNetwork<Kind> | undefined,
  b: ByNetwork<Kind> | undefined,
): boolean {
  return Object.entries(a ?? {}).every(([name, amounts]) =>
    kinds.every((kind) => amounts[kind] <= (b?.[name]?.[kind] ?? 0)),
  )
}
