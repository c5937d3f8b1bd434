// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { done, waitFor } from '../../../lib/outcome.ts'
import type { RunResult } from '../../../lib/loop/controller.ts'
import { machine } from '../../testing/machine-world.ts'
import { instanceReadiness } from './readiness.ts'

const outcome = (of = done): RunResult => ({ kind: 'outcome', outcome: of })
const off = { type: 'Booted', status: 'False', reason: 'GuestStopped', message: 'it is off' } as const

test.each<[string, object, { type: string; status: string } | undefined, RunResult, object]>([
  ['runs', {}, { ...off, status: 'True' }, outcome(), { ready: true }],
  ['runs, which nobody said yet', {}, undefined, outcome(), { ready: true }],
  [
    'powered itself off',
    {},
    off,
    outcome(),
    { ready: false, reconciling: false, stalled: false, reason: 'GuestStopped', message: 'it is off' },
  ],
  [
    'is off, as it shall be',
    { runState: 'Stopped' },
    off,
    outcome(),
    { ready: true, reason: 'Stopped', message: 'the machine is off, as spec.runState wants it' },
  ],
  [
    'is on its way to be off',
    { runState: 'Stopped' },
    off,
    outcome(waitFor('Building', 'm')),
    { ready: false, reason: 'Building' },
  ],
  [
    'is off, and on its way to run',
    {},
    off,
    outcome(waitFor('PowerChanging', 'm')),
    { reason: 'PowerChanging', reconciling: true },
  ],
  [
    'was refused',
    { runState: 'Stopped' },
    off,
    { kind: 'terminal', reason: 'Refused', message: 'm' },
    { stalled: true, reason: 'Refused' },
  ],
])('a machine that %s', (_, spec, booted, result, expected) => {
  const conditions = booted ? [{ reason: 'r', message: 'm', lastTransitionTime: 't', ...booted }] : []
  const instance = machine(spec, { status: { node: 'c1', conditions } })
  expect(instanceReadiness(instance, result)).toMatchObject(expected)
})
