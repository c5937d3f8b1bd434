// SPDX-License-Identifier: Apache-2.0
// Nodes that had no room for a machine: it goes elsewhere, and comes back to them when nothing else is left.
import { describe, expect, test } from '@jest/globals'
import type { Instance } from '../../../lib/api/types.ts'
import { waitFor } from '../../../lib/outcome.ts'
import { machine, machineWorld, step } from '../../testing/machine-world.ts'
import { setStage } from './stages.ts'

const bare = (spec: Partial<Instance['spec']> = {}, status?: Instance['status']) =>
  machine({ networks: [], ...spec }, status ? { status } : {})

describe('nodes that refused it', () => {
  const refused = (at: string, of = waitFor('NoValidHost', 'm')) => {
    const i = bare({}, { excludedNodes: ['c1', 'c2'] })
    setStage(i, 'Scheduled', of, new Date(at))
    return i
  }
  test('are not asked while another is left', async () => {
    const w = machineWorld()
    const i = bare({}, { excludedNodes: ['c1'] })
    await step(w, i)
    expect(i.status?.node).toBe('c2')
    expect(i.status?.scheduling?.filters).toMatchObject([{ refused: 1, example: 'c1 refused it' }])
  })
  test('are asked again after half a minute, when none is left', async () => {
    const w = machineWorld()
    const outcome = await step(w, bare({}, { excludedNodes: ['c1', 'c2'] }))
    expect(outcome).toMatchObject({ reason: 'NoValidHost', retryAfterMs: 30_000 })
  })
  // The world's clock says midnight.
  test.each<[string, Instance, string]>([
    ['a second too early', refused('2025-12-31T23:59:31Z'), 'wait'],
    ['on time', refused('2025-12-31T23:59:30Z'), 'saved'],
    ['late', refused('2025-12-31T23:00:00Z'), 'saved'],
    [
      'long after it waited for something else',
      refused('2025-12-31T23:00:00Z', waitFor('OwnershipUnclear', 'm')),
      'wait',
    ],
  ])('%s', async (_, i, kind) => {
    expect(await step(machineWorld(), i)).toMatchObject({ kind })
  })
  test('but not because a placement is old', async () => {
    const w = machineWorld()
    const i = bare({}, { excludedNodes: ['c1', 'c2'] })
    setStage(i, 'Scheduled', true, new Date('2025-01-01T00:00:00Z'))
    expect(await step(w, i)).toMatchObject({ reason: 'NoValidHost' })
  })
})
