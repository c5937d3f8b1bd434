// SPDX-License-Identifier: Apache-2.0
// Messages of strongSwan's Versatile IKE Control Interface (libcharon/plugins/vici/README.md): a tree of named sections, values and lists.

export type ViciValue = string | readonly string[] | ViciSection
export interface ViciSection {
  readonly [name: string]: ViciValue
}

const SECTION_START = 1
const SECTION_END = 2
const KEY_VALUE = 3
const LIST_START = 4
const LIST_ITEM = 5
const LIST_END = 6

/** @throws RangeError for a name of more than 255 bytes or a value of more than 65,535 */
export function encodeMessage(message: ViciSection): Buffer {
  const parts: Buffer[] = []
  const add = (section: ViciSection): void => {
    for (const [name, value] of Object.entries(section)) {
      if (typeof value === 'string') parts.push(named(KEY_VALUE, name), sized(value))
      else if (isList(value)) {
        parts.push(named(LIST_START, name))
        for (const item of value) parts.push(Buffer.of(LIST_ITEM), sized(item))
        parts.push(Buffer.of(LIST_END))
      } else {
        parts.push(named(SECTION_START, name))
        add(value)
        parts.push(Buffer.of(SECTION_END))
      }
    }
  }
  add(message)
  return Buffer.concat(parts)
}

function isList(value: ViciValue): value is readonly string[] {
  return Array.isArray(value)
}

function named(type: number, name: string): Buffer {
  const bytes = Buffer.from(name, 'utf8')
  if (bytes.length > 0xff) throw new RangeError('a name has more than 255 bytes')
  return Buffer.concat([Buffer.of(type, bytes.length), bytes])
}

function sized(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8')
  if (bytes.length > 0xffff) throw new RangeError('a value has more than 65,535 bytes')
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** @throws Error for bytes that are no message */
export function decodeMessage(bytes: Buffer): ViciSection {
  const root: Record<string, ViciValue> = newSection()
  const open = [root]
  let list: string[] | undefined
  let at = 0
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new Error('a message of charon ends early')
    at += length
    return bytes.subarray(at - length, at)
  }
  const name = () => take(take(1).readUInt8()).toString('utf8')
  const value = () => take(take(2).readUInt16BE()).toString('utf8')
  while (at < bytes.length) {
    const type = take(1).readUInt8()
    const section = open.at(-1)
    if (!section || (list !== undefined) !== (type === LIST_ITEM || type === LIST_END)) throw unexpected(type)
    switch (type) {
      case SECTION_START: {
        const child = newSection()
        section[name()] = child
        open.push(child)
        break
      }
      case SECTION_END:
        if (open.length === 1) throw unexpected(type)
        open.pop()
        break
      case KEY_VALUE:
        section[name()] = value()
        break
      case LIST_START:
        section[name()] = list = []
        break
      case LIST_ITEM:
        list?.push(value())
        break
      case LIST_END:
        list = undefined
        break
      default:
        throw unexpected(type)
    }
  }
  if (open.length > 1 || list) throw new Error('a message of charon ends early')
  return root
}

/** Names are the peer's: none of them means anything to JavaScript. */
function newSection(): Record<string, ViciValue> {
  return Object.create(null) as Record<string, ViciValue>
}

function unexpected(type: number): Error {
  return new Error(`a message of charon has an element ${type} where none can be`)
}

/** Undefined: there is no such value, or it is no text. */
export function textOf(section: ViciSection | undefined, name: string): string | undefined {
  const value = section?.[name]
  return typeof value === 'string' ? value : undefined
}

export function sectionOf(section: ViciSection | undefined, name: string): ViciSection | undefined {
  const value = section?.[name]
  return value === undefined || typeof value === 'string' || isList(value) ? undefined : value
}

/** The sections in it, by their names. */
export function sectionsOf(section: ViciSection | undefined): [string, ViciSection][] {
  return Object.keys(section ?? {}).flatMap((name) => {
    const child = sectionOf(section, name)
    return child ? [[name, child] as [string, ViciSection]] : []
  })
}
