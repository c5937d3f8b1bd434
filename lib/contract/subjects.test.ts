// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DOCUMENT_KINDS } from './documents.ts'
import { agentPermissions, operatorPermissions } from './permissions.ts'
import {
  OPERATOR_INBOX,
  beatSubject,
  consumerOf,
  desiredFilter,
  desiredSubject,
  fromNodeToken,
  inboxPrefix,
  inventorySubject,
  isNodeName,
  keyInSubject,
  notificationSubject,
  observedFilter,
  observedSubject,
  parseDocumentKey,
  streamOf,
  toNodeToken,
  toDocumentKey,
} from './subjects.ts'

const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?$/)
const nodeName = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'))

describe('node tokens', () => {
  test('lead back to the name, and are one token', () => {
    fc.assert(
      fc.property(nodeName, (name) => {
        const token = toNodeToken(name)
        expect(fromNodeToken(token)).toBe(name)
        expect(token).toMatch(/^[a-z0-9][-a-z0-9_]*$/)
      }),
    )
  })

  test('differ for different names', () => {
    fc.assert(fc.property(nodeName, nodeName, (a, b) => (a === b) === (toNodeToken(a) === toNodeToken(b))))
  })

  test('whatever text is given: a token or a refusal, never a wildcard, a dot or a space', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('a', '.', '_', '*', '>', ' ', '-', '$') })),
        (text) => {
          let token: string
          try {
            token = toNodeToken(text)
          } catch {
            return
          }
          expect(token).not.toMatch(/[.*>\s$]/)
          expect(token.startsWith('_')).toBe(false)
        },
      ),
    )
  })

  test.each(['', '.', 'a.', '.a', 'a..b', 'a_b', 'A', '*', '>', 'a.*', 'a b', 'a\n', 'é', '-a', 'a-', 'a'.repeat(254)])(
    '%j is refused',
    (name) => {
      expect(() => toNodeToken(name)).toThrow('cannot be written')
      expect(isNodeName(name)).toBe(false)
    },
  )

  test.each(['', '_', 'a_', '_a', 'a__b', 'a.b', 'A', '*', 'a'.repeat(254)])('no node has the token %j', (token) => {
    expect(() => fromNodeToken(token)).toThrow('node token')
    expect(parseDocumentKey(`${token}.port.u`)).toBeUndefined()
  })

  test('every dot of a name is written as another, and back; the longest name is one', () => {
    expect(toNodeToken('n1.a-b.example')).toBe('n1_a-b_example')
    expect(fromNodeToken('n1_a-b_example')).toBe('n1.a-b.example')
    const longest = 'a'.repeat(253)
    expect([toNodeToken(longest), fromNodeToken(longest), isNodeName(longest)]).toEqual([longest, longest, true])
    expect(parseDocumentKey(`${longest}.port.u`)?.node).toBe(longest)
  })

  test('the longest name has a consumer that NATS takes', () => {
    expect(consumerOf('a'.repeat(253)).length).toBeLessThanOrEqual(255)
  })

  test('no node has the operator’s inbox, and none can publish the operator’s notifications', () => {
    fc.assert(
      fc.property(nodeName, (name) => {
        expect(OPERATOR_INBOX).not.toBe(inboxPrefix(name))
        expect(agentPermissions(name).publish.some((p) => p.startsWith('events._'))).toBe(false)
      }),
    )
    expect(notificationSubject('team', 'Instance')).toBe('events._cloud.team.instance')
    expect(notificationSubject(undefined, 'ComputeNode')).toBe('events._cloud._cluster.computenode')
  })
})

test('the subject of each kind of message', () => {
  const key = { node: 'n1.example', kind: 'port', uid: 'u-1' } as const
  expect(desiredSubject(key)).toBe('$KV.desired.n1_example.port.u-1')
  expect(observedSubject(key)).toBe('$KV.observed.n1_example.port.u-1')
  expect(inventorySubject('n1.example')).toBe('$KV.inventory.n1_example')
  expect(desiredFilter('n1.example')).toBe('$KV.desired.n1_example.>')
  expect(observedFilter('n1.example')).toBe('$KV.observed.n1_example.>')
  expect(beatSubject('n1.example')).toBe('beat.n1_example')
  expect(consumerOf('n1.example')).toBe('n-n1_example')
  expect(inboxPrefix('n1.example')).toBe('_INBOX_n1_example')
  expect(streamOf('desired')).toBe('KV_desired')
  expect(keyInSubject('desired', '$KV.desired.n1_example.port.u-1')).toBe('n1_example.port.u-1')
  expect(keyInSubject('observed', '$KV.desired.n1_example.port.u-1')).toBeUndefined()
  expect(keyInSubject('desired', 'x.$KV.desired.n1')).toBeUndefined()
})

describe('object keys', () => {
  const uid = fc.uuid()
  const kind = fc.constantFrom(...DOCUMENT_KINDS)

  test('lead back to what they name', () => {
    fc.assert(
      fc.property(nodeName, kind, uid, (node, k, u) => {
        expect(parseDocumentKey(toDocumentKey({ node, kind: k, uid: u }))).toEqual({ node, kind: k, uid: u })
      }),
    )
  })

  test.each([
    '',
    'a',
    'a.instance',
    'a.instance.u.x',
    'a.router.u',
    'A.instance.u',
    'a.instance.U',
    '_a.instance.u',
    'a.instance.*',
  ])('%j is none of ours', (key) => expect(parseDocumentKey(key)).toBeUndefined())

  test.each(['', 'U', 'a.b', '*', 'a b', 'a'.repeat(64)])('the uid %j is refused', (bad) => {
    expect(() => toDocumentKey({ node: 'n', kind: 'port', uid: bad })).toThrow('cannot be written')
    expect(parseDocumentKey(`n.port.${bad}`)).toBeUndefined()
  })

  test('the longest uid is one', () => {
    const key = { node: 'n', kind: 'port', uid: 'u'.repeat(63) } as const
    expect(parseDocumentKey(toDocumentKey(key))).toEqual(key)
  })
})

test('nobody may publish or subscribe to everything', () => {
  for (const { publish, subscribe } of [agentPermissions('n1'), operatorPermissions()]) {
    for (const subject of [...publish, ...subscribe]) {
      expect(['>', '*', '$KV.>', '$JS.>', '$JS.API.>', '$SYS.>', '_INBOX.>']).not.toContain(subject)
    }
  }
})
