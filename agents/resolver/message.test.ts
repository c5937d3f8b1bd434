// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { asEmpty, isAnswerTo, RCODE, rcodeOf, readQuery, toAnswer, withId } from './message.ts'
import { isUnder, staysInside } from './own-domain.ts'
import { answerTo, question, TYPE } from './testing/questions.ts'

describe('a question', () => {
  test.each<[string, Buffer, string, number | undefined]>([
    ['of a name', question('WWW.Example.com'), 'www.example.com', undefined],
    ['of the root', question('', { type: TYPE.ns }), '', undefined],
    ['of a zone whole', question('example.com', { type: TYPE.axfr }), 'example.com', RCODE.refused],
    ['of another class', question('version.bind', { of: 3 }), 'version.bind', RCODE.refused],
    ['that is an update', question('example.com', { flags: 0x2800 }), '', RCODE.notImplemented],
    ['that is two', question('example.com', { count: 2 }), '', RCODE.formatError],
    ['without an end', question('example.com').subarray(0, 20), '', RCODE.formatError],
    [
      'with a pointer for a name',
      Buffer.concat([question('').subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]),
      '',
      RCODE.formatError,
    ],
    [
      'with a name of 300 bytes',
      question(Array.from({ length: 30 }, () => 'a'.repeat(9)).join('.')),
      '',
      RCODE.formatError,
    ],
  ])('%s', (_, bytes, name, refused) => {
    const read = readQuery(bytes)
    expect([read?.query.name, read?.refused]).toEqual([name, refused])
  })
  test.each([
    ['an answer', answerTo(question('a.b'))],
    ['too short', question('a.b').subarray(0, 11)],
    ['too long', Buffer.concat([question('a.b'), Buffer.alloc(5000)])],
  ])('%s is none', (_, bytes) => expect(readQuery(bytes)).toBeUndefined())
  test('any bytes are read or not, and what is refused has an answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const read = readQuery(Buffer.from(bytes))
        if (read) expect(toAnswer(read.query, RCODE.refused).length).toBeLessThanOrEqual(bytes.length)
      }),
    )
  })
})

test('an answer of our own has the question, and nothing else of what came', () => {
  const asked = Buffer.concat([question('a.example'), Buffer.from('more')])
  const answer = toAnswer(readQuery(asked)!.query, RCODE.serverFailure)
  expect(answer.length).toBe(question('a.example').length)
  expect([answer.readUInt16BE(0), answer.readUInt16BE(2)]).toEqual([7, 0x8182])
})

describe('what a server sends', () => {
  const sent = withId(question('a.example'), 99)
  const end = readQuery(sent)!.query.questionEnd
  test.each<[string, Buffer, boolean]>([
    ['its answer', answerTo(sent, { address: '192.0.2.1' }), true],
    ['in other letters', answerTo(withId(question('A.Example'), 99)), true],
    ['under another number', answerTo(withId(sent, 98)), false],
    ['to another question', answerTo(withId(question('b.example'), 99)), false],
    ['the question itself', sent, false],
    ['a part', answerTo(sent).subarray(0, 14), false],
  ])('%s', (_, answer, expected) => expect(isAnswerTo(sent, end, answer)).toBe(expected))
  test('a name that is not there becomes one without records', () => {
    const answer = asEmpty(answerTo(sent, { rcode: RCODE.absentName }))
    expect([rcodeOf(answer), isAnswerTo(sent, end, answer)]).toEqual([RCODE.noError, true])
  })
})

test.each<[string, string | undefined, boolean, boolean]>([
  ['db.nephele.internal', 'nephele.internal', true, true],
  ['nephele.internal', 'nephele.internal', true, true],
  ['xnephele.internal', 'nephele.internal', false, false],
  ['other.internal', 'nephele.internal', false, false],
  // Somebody outside may know more of it.
  ['db.example.com', 'example.com', true, false],
  ['db.nephele.internal', undefined, false, false],
])('%s on a network of %s: its own %s, and asked of nobody: %s', (name, domain, isOwn, stays) => {
  expect([domain !== undefined && isUnder(name, domain), staysInside(name, domain)]).toEqual([isOwn, stays])
})
