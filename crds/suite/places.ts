// SPDX-License-Identifier: Apache-2.0
// Finding and changing values in samples by path.

export type Json = string | number | boolean | null | undefined | Json[] | { [key: string]: Json }
export type JsonObject = Record<string, Json>
/** Where a value stands in an object: keys and indexes from the root. */
export type Place = readonly (string | number)[]
/** Concrete paths such as `spec.networks[0].ipAddress` and the values to put there; undefined removes. */
export type Changes = Record<string, Json>

/** All places of a schema path (`spec.networks[].ipAddress`) that the object holds. */
export function placesOf(object: Json, path: string): Place[] {
  const steps = path.split('.').flatMap((part) => {
    const lists = part.match(/\[\]/g)?.length ?? 0
    return [part.replaceAll('[]', ''), ...Array.from({ length: lists }, () => '[]')]
  })
  let found: { place: (string | number)[]; value: Json }[] = [{ place: [], value: object }]
  for (const step of steps) {
    found = found.flatMap(({ place, value }) =>
      childrenOf(value, step).map(([key, v]) => ({ place: [...place, key], value: v })),
    )
  }
  return found.map(({ place }) => place)
}

function childrenOf(value: Json, step: string): [string | number, Json][] {
  if (step === '[]') return Array.isArray(value) ? value.map((v, i) => [i, v]) : []
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  if (step === '*') return Object.entries(value)
  return step in value ? [[step, value[step]]] : []
}

/** `spec.networks[0].name` as a place. */
function parsePlace(path: string): Place {
  return [...path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map((m) => (m[2] === undefined ? (m[1] ?? '') : Number(m[2])))
}

/** A copy with the value at the place; undefined removes the key. */
export function withValue(object: JsonObject, place: Place, value: Json): JsonObject {
  const copy = structuredClone(object)
  let at = copy as Record<string | number, Json>
  for (const key of place.slice(0, -1)) {
    at[key] ??= {}
    at = at[key] as Record<string | number, Json>
  }
  const last = place.at(-1) ?? ''
  if (value === undefined) Reflect.deleteProperty(at, last)
  else at[last] = value
  return copy
}

export function withChanges(object: JsonObject, changes: Changes): JsonObject {
  return Object.entries(changes).reduce((o, [path, value]) => withValue(o, parsePlace(path), value), object)
}

/** The place as the apiserver writes it in `details.causes[].field`. */
export function fieldName(place: Place): string {
  return place.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('')
}
