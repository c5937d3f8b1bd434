// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { median, quantile, toFigure, toTable } from './figure.ts'

test.each([
  [[3, 1, 2], 0.5, 2],
  [[1, 2], 0.5, 1.5],
  [[0, 10], 0.95, 9.5],
  [[7], 0.95, 7],
  [[], 0.5, NaN],
])('quantile(%p, %p) = %p', (samples, q, want) => {
  expect(quantile(samples, q)).toBe(want)
})

test('a figure carries its peer, ratio and verdict', () => {
  const figure = toFigure({
    bench: 'create',
    metric: 'median',
    value: median([100, 120, 140]),
    unit: 'ms',
    n: 3,
    peer: { name: 'bare loop', value: 60 },
    target: { text: '≤ peer + 150', pass: true },
  })
  expect(figure).toMatchObject({ value: 120, peerValue: 60, ratio: 2, pass: true })
  expect(toTable([figure])).toContain('bare loop')
})
