// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeMessage, encodeMessage, sectionOf, sectionsOf, textOf, type ViciSection } from './message.ts'

/** The example of vici's own README. */
const EXAMPLE = { key1: 'value1', section1: { 'sub-section': { key2: 'value2' }, list1: ['item1', 'item2'] } }
const BYTES = Buffer.from(
  [
    ...['03046b6579310006', '76616c756531', '010873656374696f6e31', '010b7375622d73656374696f6e'],
    ...['03046b657932000676616c756532', '02', '04056c69737431', '0500056974656d31', '0500056974656d32', '06', '02'],
  ].join(''),
  'hex',
)

test('the example of the protocol, both ways', () => {
  expect(encodeMessage(EXAMPLE)).toEqual(BYTES)
  expect(decodeMessage(BYTES)).toMatchObject(EXAMPLE)
})

test('whatever a value contains, it is that value and nothing else', () => {
  const name = fc.string({ minLength: 1, maxLength: 40 })
  const { section } = fc.letrec<{ section: ViciSection; value: string | string[] | ViciSection }>((tie) => ({
    section: fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    value: fc.oneof(
      { maxDepth: 3 },
      fc.string({ unit: 'binary' }),
      fc.array(fc.string(), { maxLength: 3 }),
      tie('section'),
    ),
  }))
  fc.assert(
    fc.property(section, (message) => {
      expect(JSON.stringify(decodeMessage(encodeMessage(message)))).toBe(JSON.stringify(message))
    }),
  )
})

describe('bytes that are no message', () => {
  test.each([
    '03',
    '0304',
    '03046b657931',
    '030161ffff61',
    '0101',
    '010161',
    '02',
    '0500016',
    '040161',
    '0401610301620000',
    '07',
  ])('%s', (hex) => {
    expect(() => decodeMessage(Buffer.from(hex, 'hex'))).toThrow('charon')
  })
})

test('names and values that have no place in it', () => {
  expect(() => encodeMessage({ ['a'.repeat(256)]: '' })).toThrow(RangeError)
  expect(() => encodeMessage({ a: 'a'.repeat(65_536) })).toThrow(RangeError)
})

test('parts of a message, where they are of that sort', () => {
  const message = decodeMessage(BYTES)
  expect(textOf(message, 'key1')).toBe('value1')
  expect([textOf(message, 'section1'), textOf(message, 'toString'), textOf(undefined, 'a')]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
  expect(sectionsOf(message).map(([name]) => name)).toEqual(['section1'])
  expect(sectionOf(sectionOf(message, 'section1'), 'list1')).toBeUndefined()
})
