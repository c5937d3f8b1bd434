// SPDX-License-Identifier: Apache-2.0
// The READMEs about networks, followed as written.
import { afterAll, beforeAll, test } from '@jest/globals'
import type { TestCloud } from '../harness/cloud.ts'
import { applyFirstMachine, follow, removeFirstMachine } from './follow.ts'
import { NETWORKS } from '../../scripts/examples/sayings.ts'

let on: TestCloud
beforeAll(async () => {
  on = await applyFirstMachine()
}, 240_000)
afterAll(() => removeFirstMachine(on), 150_000)

test.each(Object.entries(NETWORKS))('examples/%s', (name, says) => follow(on, name, says), 300_000)
