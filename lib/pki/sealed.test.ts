// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import {
  createSealingKey,
  isSealingKey,
  recipientOf,
  seal,
  SealedText,
  SEALING_KEY,
  sealingKeyOf,
  unseal,
} from './sealed.ts'

const own = createSealingKey()
const key = sealingKeyOf(own)
const purpose = { node: 'g1', kind: 'balancer', uid: 'u', use: 'certificates/shop' }

test('whatever is sealed for a node is read there, in the form of the contract, and is nowhere in it', () => {
  expect(key).toMatch(SEALING_KEY)
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 4000 }), (text) => {
      const sealed = SealedText.parse(seal(text, key, purpose))
      expect(recipientOf(sealed)).toBe(key)
      expect(unseal(sealed, own, purpose)).toBe(text)
      const bytes = Buffer.from(text)
      if (bytes.length > 8) expect(Buffer.from(sealed.split('.')[3]!, 'base64url').includes(bytes)).toBe(false)
    }),
    { numRuns: 50 },
  )
})

test('the same text is another one each time', () => {
  expect(seal('text', key, purpose)).not.toBe(seal('text', key, purpose))
})

describe('it is not read', () => {
  const sealed = seal('secret', key, purpose)
  test.each([
    ['on another node', { node: 'g2' }],
    ['in a document of another kind', { kind: 'vpn' }],
    ['in that of another object', { uid: 'v' }],
    ['for another use', { use: 'certificates/other' }],
  ])('%s', (_, other) => {
    expect(() => unseal(sealed, own, { ...purpose, ...other })).toThrow()
  })
  test('by another key', () => {
    expect(() => unseal(sealed, createSealingKey(), purpose)).toThrow('for another key')
    const other = createSealingKey()
    const renamed = sealed.replace(key, sealingKeyOf(other))
    expect(() => unseal(renamed, other, purpose)).toThrow()
  })
  test('when any character was changed', () => {
    for (const at of [0, 4, 50, 95, sealed.length - 2]) {
      const changed = sealed.slice(0, at) + (sealed[at] === 'B' ? 'f' : 'B') + sealed.slice(at + 1)
      expect(() => unseal(changed, own, purpose)).toThrow()
    }
  })
})

test('a key of another kind is none', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })
  expect(() => sealingKeyOf(ec.toString())).toThrow('X25519')
  expect(() => seal('text', key.slice(1), purpose)).toThrow()
  // The points of small order 0 and 1.
  const one = Buffer.alloc(32)
  one[0] = 1
  expect(['A'.repeat(43), one.toString('base64url'), key.slice(1), key].map(isSealingKey)).toEqual([
    ...[false, false, false, true],
  ])
})
