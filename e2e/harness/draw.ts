// SPDX-License-Identifier: Apache-2.0
// Cases drawn by a seed: the normal run takes some of many slow ones, `npm run test:full` takes all; a failure is repeated by its seed.
import { createHash, randomInt } from 'node:crypto'

export interface Drawn<T> {
  /** For the name of the tests: how this choice was made. */
  title: string
  cases: readonly T[]
}

/** Pure but for the environment: NEPHELE_TEST_FULL=1 takes all in their order, NEPHELE_TEST_SEED repeats a draw. */
export function draw<T>(all: readonly T[], count: number, env: NodeJS.ProcessEnv = process.env): Drawn<T> {
  if (env['NEPHELE_TEST_FULL'] === '1' || count >= all.length) return { title: `all ${all.length}`, cases: all }
  const seed = env['NEPHELE_TEST_SEED'] ?? String(randomInt(1_000_000))
  const rank = (index: number) => createHash('sha256').update(`${seed} ${index}`).digest('hex')
  const chosen = all
    .map((value, index) => ({ value, rank: rank(index) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .slice(0, count)
  return { title: `${count} of ${all.length}, NEPHELE_TEST_SEED=${seed}`, cases: chosen.map((c) => c.value) }
}
