// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { toAscii } from './build.ts'

test('a pattern or text with other characters means the same in ASCII', () => {
  const source = 'const [p, s] = [/^(?:µs|→|𝒳)$/, "’"]; ["µs", "→", "𝒳", "’"].map((t) => p.test(t) || t === s)'
  const escaped = toAscii(source)
  expect(escaped).toMatch(/^[\0-\x7f]+$/)
  expect(eval(escaped)).toEqual([true, true, true, true])
})
