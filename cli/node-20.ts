// SPDX-License-Identifier: Apache-2.0
// What Node 20 lacks and the plug-in uses; its bundle begins with this. ECMAScript 2024: Promise.withResolvers, Map.groupBy.

function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve: PromiseWithResolvers<T>['resolve'] = () => undefined
  let reject: PromiseWithResolvers<T>['reject'] = () => undefined
  const promise = new Promise<T>((whenDone, whenFailed) => {
    resolve = whenDone
    reject = whenFailed
  })
  return { promise, resolve, reject }
}

function groupBy<K, T>(items: Iterable<T>, keyOf: (item: T, index: number) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  let index = 0
  for (const item of items) {
    const key = keyOf(item, index++)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}

if (!('withResolvers' in Promise)) Object.assign(Promise, { withResolvers })
if (!('groupBy' in Map)) Object.assign(Map, { groupBy })
