// SPDX-License-Identifier: Apache-2.0
// Machines that come together, in process: thousands that are equal but for their UID, against as many of which no two are.
import { makeCloud, rateOf, type Ask } from './harness/decisions.ts'
import { toFigure, type Figure } from './harness/figure.ts'

export const about =
  'decisions a second of CPU, claim included, at 5,000 nodes, of batches of 1,000 equal machines; peer: machines of which no two are equal'

const NODES = 5_000
const BATCH = 1_000
const MIN_RATIO = 5

export function run(): Promise<Figure[]> {
  // Another size for each batch, one of all for each machine.
  const equal: Ask = (i) => ({ amounts: sizeOf(Math.floor(i / BATCH)) })
  const different: Ask = (i) => ({ amounts: sizeOf(i) })
  const peer = rateOf(makeCloud(NODES), different, { alive: NODES })
  const value = rateOf(makeCloud(NODES), equal, { alive: NODES })
  const metric = `decisions, batches of ${BATCH} equal machines, ${NODES} nodes`
  return Promise.resolve([
    toFigure({
      ...{ bench: 'batch', metric, value, unit: '1/s of CPU', n: BATCH, peer: { name: 'no two equal', value: peer } },
      target: { text: `≥ ${MIN_RATIO} x`, pass: value >= MIN_RATIO * peer },
    }),
  ])
}

/** Of each number another one. */
function sizeOf(i: number): { vcpus: number; memoryMiB: number; diskGiB: number } {
  return { vcpus: 1 + (i % 8), memoryMiB: 1024 + (i % 7_919), diskGiB: 10 + (i % 101) }
}
