// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { textOfLine } from './log-text.ts'

const TIME = Date.parse('2026-11-30T20:48:11.123Z')
const line = (fields: object) => JSON.stringify({ level: 30, time: TIME, name: 'operator', ...fields })

test.each<[object, string]>([
  [{ node: 'compute-1', sizeGiB: 4, msg: 'volume created' }, '"volume created" node=compute-1 sizeGiB=4'],
  [{ msg: 'x', name: 'a b' }, '"x"'],
  [{ msg: 'a\nb' }, String.raw`"a\nb"`],
  [{ msg: 'x', why: 'two words', ok: true, none: null }, '"x" why="two words" ok=true none=null'],
  [{ msg: 'x', host: 'a level=50' }, '"x" host="a level=50"'],
  [{ msg: 'x', host: 'a" level=50 b="' }, String.raw`"x" host="a\" level=50 b=\""`],
  [{ msg: 'x', 'a=b c': 1 }, '"x" "a=b c"=1'],
  [{ msg: 'x', text: '\u001b[31m\u0085\u2028\u202e\u009b' }, String.raw`"x" text="\u001b[31m\u0085\u2028\u202e\u009b"`],
  [{ msg: 'x', err: { message: 'no', stack: 'a\n  b' } }, String.raw`"x" err={"message":"no","stack":"a\n  b"}`],
])('%j', (fields, rest) => {
  const name = 'name' in fields ? '"a b"' : 'operator'
  expect(textOfLine(line(fields))).toBe(`2026-11-30T20:48:11.123Z INFO ${name} ${rest}\n`)
})

test('whatever is logged is one line of what is seen, with no field more than it has', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ unit: 'binary', maxLength: 60 }),
      (msg, value) => {
        const text = textOfLine(line({ msg, value }))
        expect(text.slice(0, -1)).toMatch(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u)
        const outside = text.replace(/"(?:[^"\\]|\\.)*"/g, '""').trimEnd()
        expect(outside).toMatch(/^2026-11-30T20:48:11\.123Z INFO operator "" value=(""|[\w.:/@+-]+)$/)
      },
    ),
  )
})

test('a process writes it where LOG_FORMAT says so, the last line of one that ends included, and no secret', () => {
  const program = `import { createLogger } from ${JSON.stringify(join(import.meta.dirname, 'log.ts'))}
const log = createLogger('test', 'info').child({ node: 'c 1' })
log.info({ token: 'canary', a: 'x\\ny' }, 'said')
log.error('last')
process.exit(1)`
  const said = (format: string) =>
    spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      ...{ encoding: 'utf8', timeout: 20_000, env: { ...process.env, LOG_FORMAT: format, NODE_OPTIONS: '' } },
    }).stdout
  const [first = '', last = '', end] = said('text').split('\n')
  expect(first).toMatch(/^\S+Z INFO test "said" node="c 1" token="\[redacted\]" a="x\\ny"$/)
  expect([last.replace(/^\S+ /, ''), end]).toEqual(['ERROR test "last" node="c 1"', ''])
  // pino may write the lines of a process that ends in another order.
  const inJSON = said('json').trim().split('\n')
  expect(inJSON.map((one) => JSON.parse(one) as unknown)).toContainEqual(
    expect.objectContaining({ node: 'c 1', msg: 'said', a: 'x\ny', token: '[redacted]' }),
  )
}, 30_000)
