// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseArguments } from './arguments.ts'
import { findKind, parseObject } from './find-kind.ts'
import { ageOf } from '../output/age.ts'
import { table } from '../output/table.ts'
import { terminalText } from '../output/terminal-text.ts'

describe('options', () => {
  test('stand anywhere before --, and what follows is left alone', () => {
    expect(
      parseArguments(['why', '-n', 'team', 'web', '-o', 'json', '--wait=false', '--timeout=90s', '--', '-n', 'x']),
    ).toEqual({
      ...{ words: ['why', 'web'], rest: ['-n', 'x'], namespace: 'team', output: 'json', waits: false },
      ...{
        timeoutMs: 90_000,
        isEverywhere: false,
        isHard: false,
        isForced: false,
        isWeb: false,
        snapshot: {},
        restore: { isDryRun: false, lostNodes: [] },
        help: false,
      },
    })
    expect(parseArguments([])).toMatchObject({ output: 'table', waits: true, timeoutMs: 300_000 })
  })
  test.each([['-o', 'xml'], ['--timeout=5'], ['--timeout=-1s'], ['--wait=maybe'], ['--nope'], ['-n']])(
    '%s %s is refused',
    (...argv) => {
      expect(() => parseArguments(argv)).toThrow(expect.objectContaining({ name: 'UsageError' }))
    },
  )
})

describe('kinds', () => {
  test.each(['Network', 'network', 'networks', 'nnet', 'networks.nephele.dev', 'network.nephele.dev'])('%s', (word) =>
    expect(findKind(word).kind).toBe('Network'),
  )
  test.each(['pods', '', 'networks.other.dev', 'constructor'])('%s is none', (word) =>
    expect(() => findKind(word)).toThrow('there is no kind'),
  )
  test.each([
    [['web'], 'Instance', 'web'],
    [['nnet/front'], 'Network', 'front'],
    [['network', 'front'], 'Network', 'front'],
  ])('%j', (words, kind, name) => expect(parseObject(words)).toMatchObject({ kind: { kind }, name }))
})

test.each([
  ['2026-01-01T00:00:00Z', '90s', '2026-01-01T00:01:30Z'],
  ['2026-01-01T00:00:00Z', '2m', '2026-01-01T00:02:05Z'],
  ['2026-01-01T00:00:00Z', '5h', '2026-01-01T05:30:00Z'],
  ['2026-01-01T00:00:00Z', '3d', '2026-01-04T01:00:00Z'],
  ['2026-01-01T00:00:00Z', '0s', '2025-12-31T00:00:00Z'],
  [undefined, '?', '2026-01-01T00:00:00Z'],
])('the age of %s is %s at %s', (time, age, now) => expect(ageOf(time, new Date(now))).toBe(age))

test('no text of an object moves the cursor, or turns a line round', () => {
  expect(terminalText('a\u{1b}[2Jb\rc\u{202e}d\n e\u{85}f')).toBe('a\u{fffd}[2Jb\u{fffd}c\u{fffd}d  e\u{fffd}f')
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !/[\p{Cc}\p{Cf}]/u.test(terminalText(text))))
  expect(
    table(
      ['A', 'B'],
      [
        ['x\u{7}', ''],
        ['long', 'y'],
      ],
    ),
  ).toEqual(['A      B', 'x\u{fffd}     -', 'long   y'])
})
