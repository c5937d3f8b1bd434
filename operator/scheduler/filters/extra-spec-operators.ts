// SPDX-License-Identifier: Apache-2.0
// How a Flavor's extra spec is compared with what a node has:
// https://docs.openstack.org/nova/latest/admin/scheduling.html#computecapabilitiesfilter, oslo_utils/specs_matcher.py

type Compare = (value: string, words: readonly string[]) => boolean

const byNumber =
  (compare: (a: number, b: number) => boolean): Compare =>
  (value, [word = '']) => {
    const [a, b] = [toNumber(value), toNumber(word)]
    return a !== undefined && b !== undefined && compare(a, b)
  }
const byText =
  (compare: (a: string, b: string) => boolean): Compare =>
  (value, [word = '']) =>
    compare(value, word)

/** `=` is "at least", as it is there, too. */
const OPERATORS: ReadonlyMap<string, Compare> = new Map([
  ['=', byNumber((a, b) => a >= b)],
  ['==', byNumber((a, b) => a === b)],
  ['!=', byNumber((a, b) => a !== b)],
  ['>=', byNumber((a, b) => a >= b)],
  ['<=', byNumber((a, b) => a <= b)],
  ['s==', byText((a, b) => a === b)],
  ['s!=', byText((a, b) => a !== b)],
  ['s<', byText((a, b) => a < b)],
  ['s<=', byText((a, b) => a <= b)],
  ['s>', byText((a, b) => a > b)],
  ['s>=', byText((a, b) => a >= b)],
  ['<in>', byText((a, b) => a.includes(b))],
  ['<all-in>', (value, words) => words.every((word) => value.includes(word))],
  ['<or>', (value, words) => words.filter((_, i) => i % 2 === 0).includes(value)],
])

/** Without an operator at its beginning, the whole text has to be the value. An operator with nothing behind it matches nothing. */
export function matchesExtraSpec(value: string, required: string): boolean {
  const words = required.split(/\s+/).filter((word) => word !== '')
  const compare = OPERATORS.get(words[0] ?? '')
  if (!compare) return value === required
  return words.length > 1 && compare(value, words.slice(1))
}

function toNumber(text: string): number | undefined {
  const number = text.trim() === '' ? NaN : Number(text)
  return Number.isFinite(number) ? number : undefined
}
