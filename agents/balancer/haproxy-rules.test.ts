// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { BalancerRule } from '../../lib/contract/documents.ts'
import { renderRules } from './haproxy-rules.ts'

const at = (port: number, scheme: 'http' | 'https' = 'http') => ({ scheme, port })
const redirectTo = (action: object, entrance = at(80)) =>
  renderRules([{ hostnames: [], paths: [], action: { type: 'redirect', statusCode: 302, ...action } }], entrance)
    .filter((line) => line.includes(' redirect '))
    .map((line) => line.replace(/^http-request redirect location '(.*)' code 302 if .*$/, '$1'))
    .at(-1)

test('without rules nothing is said, and requests stay as they are', () => {
  expect(renderRules([], at(80))).toEqual([])
})

test.each<[object, ReturnType<typeof at>, string]>([
  [{ scheme: 'https' }, at(80), 'https://%[var(txn.host)]%[path]'],
  [{ scheme: 'https' }, at(8080), 'https://%[var(txn.host)]%[path]'],
  [{ scheme: 'https', port: 8443 }, at(80), 'https://%[var(txn.host)]:8443%[path]'],
  [{ hostname: 'b.example' }, at(80), 'http://b.example%[path]'],
  [{ hostname: 'b.example' }, at(8080), 'http://b.example:8080%[path]'],
  [{ hostname: 'b.example' }, at(443, 'https'), 'https://b.example%[path]'],
  [{ port: 80 }, at(8080), 'http://%[var(txn.host)]%[path]'],
  [{ path: '/new' }, at(80), 'http://%[var(txn.host)]/new'],
])('a redirect to %j from %j leads to %s', (action, entrance, location) => {
  expect(redirectTo(action, entrance)).toBe(location)
})

test('a name in the first line of a request is none without a Host', () => {
  const rule: BalancerRule = { hostnames: [], paths: [], action: { type: 'reject', statusCode: 403 } }
  const first = 'http-request return status 400 if !{ req.fhdr(host) -m found } !{ url -m beg / }'
  const lines = renderRules([rule], at(80))
  expect(lines).toContain(first)
  expect(lines.indexOf(first)).toBeLessThan(lines.findIndex((line) => line.includes('txn.rule')))
})

test('a redirect that keeps the host needs one', () => {
  const of = (action: object) =>
    renderRules([{ hostnames: [], paths: [], action: { type: 'redirect', statusCode: 302, ...action } }], at(80))
  const nowhere = 'http-request return status 400 if { var(txn.rule) -m int 0 } !{ req.fhdr(host) -m found }'
  const lines = of({ scheme: 'https' })
  expect(lines[lines.findIndex((line) => line.includes(' redirect ')) - 1]).toBe(nowhere)
  expect(of({ hostname: 'b.example' })).not.toContain(nowhere)
})

test.each([
  ['/api', ["-m str -- '/api'", "-m beg -- '/api/'"]],
  ['/api/', ["-m str -- '/api'", "-m beg -- '/api/'"]],
  ['/', ["-m beg -- '/'"]],
])('the prefix %s is of whole segments, as in HTTPRoute', (value, matches) => {
  const rule: BalancerRule = {
    ...{ hostnames: [], paths: [{ type: 'PathPrefix', value }] },
    action: { type: 'reject', statusCode: 403 },
  }
  const lines = renderRules([rule], at(80))
  expect(lines.filter((line) => line.startsWith('acl '))).toEqual(matches.map((match) => `acl path0 path ${match}`))
})

test('choices of backends come last, since HAProxy tries them last', () => {
  const rules = ['a.x', 'b.x'].flatMap((pool): BalancerRule[] => [
    { hostnames: [], paths: [], action: { type: 'pool', pool } },
    { hostnames: [], paths: [], action: { type: 'reject', statusCode: 403 } },
  ])
  const words = renderRules(rules, at(80)).map((line) => line.split(' ')[0])
  expect(words.indexOf('use_backend')).toBe(words.lastIndexOf('http-request') + 1)
})

/**
 * A line as HAProxy reads it (its manual, 2.2): words, of which quotes and backslashes are no part any more.
 * @throws where it would begin a comment, look up a variable of the environment, or end within quotes
 */
function wordsOf(line: string): string[] {
  const words: string[] = ['']
  let isQuoted = false
  for (const char of line) {
    if (char === "'") isQuoted = !isQuoted
    else if (!isQuoted && char === ' ') words.push('')
    else if (/[\n\r\0\t]/.test(char) || (!isQuoted && /["\\#]/.test(char))) throw new Error(`${char} in ${line}`)
    else words.push(`${words.pop() ?? ''}${char}`)
  }
  if (isQuoted) throw new Error(`no end of quotes in ${line}`)
  return words
}

const EVIL = [
  '\n',
  "'",
  '"',
  '\\',
  '#',
  '$',
  '%',
  '%[env(x)]',
  ' ',
  '\t',
  '\r',
  '\0',
  '{',
  '}',
  '[',
  ']',
  ' -f /etc/passwd',
  ' if TRUE',
  '-i',
  '--',
]
/** Mostly of these, and now and then of what has a meaning to somebody. */
const textOf = (...plain: string[]) =>
  fc
    .array(
      fc.oneof(
        { arbitrary: fc.constantFrom(...plain), weight: 18 },
        { arbitrary: fc.string({ unit: 'grapheme', maxLength: 3 }), weight: 1 },
        { arbitrary: fc.constantFrom(...EVIL), weight: 1 },
      ),
      { maxLength: 6 },
    )
    .map((parts) => parts.join(''))
const host = fc
  .tuple(fc.constantFrom('a', 'b', '*.', '-', ''), textOf('a', 'b.c', '-', '.', 'd1'), fc.constantFrom('z', 'z', ''))
  .map((parts) => parts.join(''))
const path = fc
  .tuple(
    fc.constantFrom('/', '/a', '/b/', ''),
    textOf('a', 'b.c', '/', '.', '-', '*', '&', '(', ')', ',', ';', '=', '~'),
  )
  .map((parts) => parts.join(''))
const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined })
const action = fc.oneof(
  fc.record({ type: fc.constant('pool'), pool: host }),
  fc.record({
    ...{
      type: fc.constant('redirect'),
      statusCode: fc.constantFrom(301, 308),
      scheme: maybe(fc.constantFrom('http', 'https', 'https', 'x')),
    },
    ...{ hostname: maybe(host), port: maybe(fc.integer({ min: -1, max: 66_000 })), path: maybe(path) },
  }),
  fc.record({ type: fc.constant('reject'), statusCode: fc.integer({ min: 399, max: 500 }) }),
)
const offered = fc.record({
  hostnames: fc.array(host, { maxLength: 2 }),
  paths: fc.array(fc.record({ type: fc.constantFrom('Exact', 'PathPrefix'), value: path }), { maxLength: 2 }),
  action,
})

test('whatever the contract takes stays one word of one line, and is no expression', () => {
  let taken = 0
  let redirects = 0
  fc.assert(
    fc.property(offered, (value) => {
      const judged = BalancerRule.safeParse(value)
      if (!judged.success) return
      taken++
      const rule = judged.data
      const lines = renderRules([rule], at(8080)).map(wordsOf)
      const named = (name: string) => lines.filter(([first, second]) => first === 'acl' && second === name)
      expect(named('host0').map((words) => words.slice(2))).toEqual(
        rule.hostnames.map((name) =>
          name.startsWith('*.')
            ? ['var(txn.host)', '-m', 'end', '--', name.slice(1)]
            : ['var(txn.host)', '-m', 'str', '--', name],
        ),
      )
      for (const { type, value: wanted } of rule.paths)
        if (type === 'Exact') expect(named('path0')).toContainEqual(['acl', 'path0', 'path', '-m', 'str', '--', wanted])
      for (const words of named('path0')) expect(words).toHaveLength(7)
      if (rule.action.type === 'redirect') {
        const locations = lines.filter((words) => words[1] === 'redirect').map((words) => words[3] ?? '')
        expect(locations).toHaveLength(2)
        const own = (location: string) => location.replace(/%\[(var\(txn\.host\)|path|query)\]/g, '')
        for (const location of locations) expect(own(location)).not.toContain('%')
        redirects++
      }
      if (rule.action.type === 'pool')
        expect(lines.at(-1)).toEqual([
          'use_backend',
          rule.action.pool,
          'if',
          '{',
          'var(txn.rule)',
          '-m',
          'int',
          '0',
          '}',
        ])
    }),
    { numRuns: 5000 },
  )
  expect(taken).toBeGreaterThan(500)
  expect(redirects).toBeGreaterThan(50)
})
