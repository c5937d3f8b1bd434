// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { parseVital, summarize } from './pulse.ts'

test('reads what the operator says of its lead and its event loop', () => {
  const page = [
    '# HELP nephele_leading 1 while this process leads',
    'nephele_leading 1',
    'nephele_term 7',
    'nodejs_eventloop_lag_seconds 0.001',
    'nodejs_eventloop_lag_max_seconds 0.25',
  ].join('\n')
  expect(parseVital(page)).toEqual({ isLeading: true, term: 7, stopMs: 250 })
})

test('sums up: each new term is a lead that was lost, and so is one that is not there at the end', () => {
  const at = (isLeading: boolean, term: number, stopMs: number, rssMiB: number) => ({ isLeading, term, stopMs, rssMiB })
  const all = [at(false, 0, 900, 100), at(true, 3, 20, 200), at(false, 3, 40, 300), at(true, 5, 10, 250)]
  expect(summarize(all)).toEqual({ longestStopMs: 900, leadsLost: 2, rss: { min: 100, median: 225, max: 300 } })
  expect(summarize([...all, at(false, 5, 0, 250)]).leadsLost).toBe(3)
  expect(summarize([at(true, 1, 0, 1)]).leadsLost).toBe(0)
})
