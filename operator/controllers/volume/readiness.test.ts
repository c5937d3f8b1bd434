// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Volume } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { saved, waitFor } from '../../../lib/outcome.ts'
import { volumeReadiness } from './readiness.ts'

const ready = [
  { type: 'Ready', status: 'True' as const, reason: 'Ready', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
]

function volume(status: Volume['status']): Volume {
  const metadata = { name: 'data', namespace: 'team', uid: 'u', resourceVersion: '1', generation: 2 }
  return { metadata, spec: { sizeGiB: 1 }, ...(status ? { status } : {}) }
}

test.each<[string, Volume['status'], Outcome, { ready: boolean; reconciling: boolean }]>([
  [
    'whole, changes hands',
    { sizeGiB: 1, observedGeneration: 2, conditions: ready },
    saved,
    { ready: true, reconciling: false },
  ],
  ['not made yet', {}, saved, { ready: false, reconciling: true }],
  [
    'grows: its spec is newer',
    { sizeGiB: 1, observedGeneration: 1, conditions: ready },
    saved,
    { ready: true, reconciling: true },
  ],
  [
    'waits for its node',
    { sizeGiB: 1, observedGeneration: 2, conditions: ready },
    waitFor('Provisioning', ''),
    { ready: false, reconciling: true },
  ],
])('a volume that is %s', (_, status, outcome, expected) => {
  expect(volumeReadiness(volume(status), { kind: 'outcome', outcome })).toMatchObject(expected)
})
