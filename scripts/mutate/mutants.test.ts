// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { listMutants } from './mutants.ts'

/** Every mutant as `kind: the changed text`. */
function changes(text: string): string[] {
  return listMutants('x.ts', text).map(
    ({ kind, start, end, replacement }) => `${kind}: ${text.slice(0, start)}${replacement}${text.slice(end)}`,
  )
}

describe('listMutants', () => {
  test.each([
    ['a guard never holds', 'if (a) b = 1', ['guard: if (false) b = 1']],
    ['a condition', 'const x = a ? 1 : 2', ['guard: const x = false ? 1 : 2']],
    ['a demand is dropped', 'const x = a && b', ['operand: const x = true && b', 'operand: const x = a && true']],
    [
      'an alternative is dropped',
      'const x = a || b',
      ['operand: const x = false || b', 'operand: const x = a || false'],
    ],
    ['a bound', 'const x = a <= b', ['bound: const x = a < b']],
    ['an equality', 'const x = a === b', ['equality: const x = a !== b']],
    ['a sum', 'const x = a + 1', ['arithmetic: const x = a - 1']],
    ['a switch', 'const x = true', ['boolean: const x = false']],
    ['a call is left out', 'wake(key)', ['call: ;']],
    ['a step is not waited for', 'await fsync(f)', ['call: ;', 'await: void fsync(f)']],
    [
      'two steps in the wrong order',
      'await write(f)\nwake(k)',
      [
        'call: ;\nwake(k)',
        'await: void write(f)\nwake(k)',
        'order: wake(k)\nawait write(f)',
        'call: await write(f)\n;',
      ],
    ],
    ['a default is left out', 'const x = a ?? 1', ['default: const x = a']],
    ['all for any', 'const x = a.some(b)', ['swap: const x = a.every(b)']],
    ['the later for the earlier', 'const x = Math.min(a, b)', ['swap: const x = Math.max(a, b)']],
    [
      'a branch that does not end',
      'if (a) {\n  b = 1\n  return c\n}',
      ['guard: if (false) {\n  b = 1\n  return c\n}', 'return: if (a) {\n  b = 1\n  void c\n}'],
    ],
    ['what is logged is free', "this.#log.info({ a }, 'said')\nlog.warn('said')", []],
    ['text is no sum', "const x = 'a' + b", []],
    ['types are nothing that runs', 'interface A { b: true }\nlet c: false | 1', []],
  ])('%s', (_name, text, expected) => {
    expect(changes(text).sort()).toEqual([...expected].sort())
  })

  test('says where', () => {
    expect(listMutants('x.ts', 'const a = 1\nif (a > b)\n  c()')).toMatchObject([
      { kind: 'guard', line: 2, original: 'a > b' },
      { kind: 'bound', line: 2, original: '>' },
      { kind: 'call', line: 3, original: 'c()' },
    ])
  })
})
