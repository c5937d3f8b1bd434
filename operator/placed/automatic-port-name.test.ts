// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { automaticPortName, automaticPortNames, isAutomaticPortName } from './automatic-port-name.ts'

/** What Kubernetes takes for a name of our kinds: RFC 1123 subdomains. */
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const edge = fc.constantFrom('a', 'z', '0', '9')
const part = fc
  .tuple(edge, fc.stringMatching(/^[-a-z0-9]{0,60}$/), edge)
  .map(([first, inner, last]) => `${first}${inner}${last}`)
const name = fc.array(fc.oneof(edge, part), { minLength: 1, maxLength: 130 }).map((parts) =>
  parts
    .join('.')
    .slice(0, 253)
    .replace(/[-.]+$/, ''),
)
const index = fc.integer({ min: 0, max: 31 })

test('every name of an Instance gives valid names to its Ports, which are known as its own and as no other’s', () => {
  fc.assert(
    fc.property(name, fc.uuid(), fc.uuid(), index, (text, uid, otherUid, i) => {
      const port = automaticPortName({ metadata: { name: text, uid } }, i)
      expect(port).toMatch(SUBDOMAIN)
      expect(port.length).toBeLessThanOrEqual(253)
      expect(automaticPortNames({ metadata: { name: text, uid } }, 32)[i]).toBe(port)
      expect(isAutomaticPortName(port, { name: text, uid })).toBe(true)
      expect(isAutomaticPortName(port, { name: text, uid: otherUid })).toBe(uid === otherUid)
    }),
    { numRuns: 500 },
  )
})

test.each([
  ['short', 'vm', 'vm-0-9dddf954'],
  ['cut behind a dot', `${'a'.repeat(199)}.b`, `${'a'.repeat(199)}-0-9dddf954`],
  ['cut behind a hyphen, as ever', `${'a'.repeat(199)}-b`, `${'a'.repeat(199)}--0-9dddf954`],
])('%s', (_, text, port) => {
  expect(automaticPortName({ metadata: { name: text, uid: 'uid-vm' } }, 0)).toBe(port)
})
