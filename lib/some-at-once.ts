// SPDX-License-Identifier: Apache-2.0

/**
 * Does the work for each item, in their order, for up to `atOnce` of them at one time; ends when all are done.
 *
 * @throws what the first failed work threw; what is under way then goes on, and nothing else begins for its turn
 */
export async function someAtOnce<T>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const waiting = items[Symbol.iterator]()
  const takeTurns = async (): Promise<void> => {
    for (let next = waiting.next(); next.done !== true; next = waiting.next()) await work(next.value)
  }
  await Promise.all(Array.from({ length: atOnce }, takeTurns))
}
