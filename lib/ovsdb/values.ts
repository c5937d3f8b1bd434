// SPDX-License-Identifier: Apache-2.0
// Values as OVSDB writes them in JSON (RFC 7047 section 5.1). Caches and operations keep the wire form, in which a set of one element may
// be unwrapped and sets and maps have no order: read and compare values only through the functions below.

export type OvsUuid = readonly ['uuid', string]
export type OvsNamedUuid = readonly ['named-uuid', string]
export type OvsAtom = string | number | boolean | OvsUuid | OvsNamedUuid
export type OvsSet = readonly ['set', readonly OvsAtom[]]
export type OvsMap = readonly ['map', readonly (readonly [OvsAtom, OvsAtom])[]]
export type OvsValue = OvsAtom | OvsSet | OvsMap
export type OvsRow = Readonly<Record<string, OvsValue>>

export const EMPTY_SET: OvsSet = ['set', []]
export const ZERO_UUID = '00000000-0000-0000-0000-000000000000'

export function uuidOf(uuid: string): OvsUuid {
  return ['uuid', uuid]
}

/** A row that an earlier or later `insert` of the same transaction makes; names are [A-Za-z_][A-Za-z0-9_]*. */
export function namedUuid(name: string): OvsNamedUuid {
  return ['named-uuid', name]
}

export function setOf(elements: readonly OvsAtom[]): OvsSet {
  return ['set', elements]
}

export function mapOf(entries: Readonly<Record<string, string | number | undefined>>): OvsMap {
  const pairs: [string, string | number][] = []
  for (const [key, value] of Object.entries(entries)) if (value !== undefined) pairs.push([key, value])
  return ['map', pairs]
}

function isTagged(value: OvsValue, tag: string): boolean {
  return Array.isArray(value) && value[0] === tag
}

export function isSet(value: OvsValue): value is OvsSet {
  return isTagged(value, 'set')
}

export function isMap(value: OvsValue): value is OvsMap {
  return isTagged(value, 'map')
}

/** The elements of a set, of a scalar as its only one; none for an absent value. */
export function readSet(value: OvsValue | undefined): readonly OvsAtom[] {
  if (value === undefined) return []
  if (isSet(value)) return value[1]
  if (isMap(value)) throw new TypeError('an OVSDB map where a set was expected')
  return [value]
}

/** Elements that are strings; others are left out. */
export function readStrings(value: OvsValue | undefined): string[] {
  return readSet(value).filter((atom) => typeof atom === 'string')
}

/** Row references of a set or scalar. */
export function readUuids(value: OvsValue | undefined): string[] {
  return readSet(value).flatMap((atom) => (Array.isArray(atom) && atom[0] === 'uuid' ? [atom[1] as string] : []))
}

/** The only element of an optional or scalar column. */
export function readOne(value: OvsValue | undefined): OvsAtom | undefined {
  return readSet(value)[0]
}

export function readString(value: OvsValue | undefined): string | undefined {
  const one = readOne(value)
  return typeof one === 'string' ? one : undefined
}

export function readNumber(value: OvsValue | undefined): number | undefined {
  const one = readOne(value)
  return typeof one === 'number' ? one : undefined
}

/** A map of strings to strings; entries of other types are left out. */
export function readMap(value: OvsValue | undefined): Record<string, string> {
  const map: Record<string, string> = {}
  if (value === undefined || !isMap(value)) return map
  for (const [key, entry] of value[1]) {
    // defineProperty: a key such as __proto__ from a foreign writer stays data
    if (typeof key === 'string' && typeof entry === 'string') {
      Object.defineProperty(map, key, { value: entry, enumerable: true, writable: true, configurable: true })
    }
  }
  return map
}

export function atomKey(atom: OvsAtom): string {
  return Array.isArray(atom) ? `${String(atom[0])}:${String(atom[1])}` : `${typeof atom}:${String(atom)}`
}

/** The same text for all forms of a value: order and wrapping do not count. */
export function canonical(value: OvsValue): string {
  if (isMap(value)) {
    const pairs = value[1].map(([key, entry]) => JSON.stringify([atomKey(key), atomKey(entry)]))
    return `map${JSON.stringify(pairs.sort())}`
  }
  return `set${JSON.stringify(readSet(value).map(atomKey).sort())}`
}

export function isSameValue(a: OvsValue, b: OvsValue): boolean {
  return canonical(a) === canonical(b)
}
