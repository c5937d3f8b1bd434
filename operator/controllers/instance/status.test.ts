// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Instance } from '../../../lib/api/types.ts'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'
import { stored } from '../../testing/memory-deps.ts'
import type { Presence } from '../../placed/observed-facts.ts'
import { observeInstance } from './status.ts'

const now = new Date('2026-01-01T00:00:00Z')
const asked = { incarnation: 1, epoch: 2, generation: 3 }
const report = (state: string, facts: ObservedDocument['facts'], versions: object = {}) =>
  ({ state, facts, versions: { term: 1, ...asked, ...versions }, since: 's' }) as unknown as ObservedDocument
const machine = () =>
  stored<Instance>(
    'vm',
    { flavorRef: { name: 'f' }, imageRef: { name: 'i' } },
    { generation: 3, status: { node: 'c1', epoch: 2 } },
  )
const observe = (i: Instance, observed: ObservedDocument, plugged: Presence = 'present') =>
  observeInstance(i, { observed, asked, volumes: ['v'], plugged, unresolved: undefined }, now)
const stages = (i: Instance) =>
  Object.fromEntries((i.status?.conditions ?? []).map(({ type, status }) => [type, status]))
const ALL = { ImageCached: 'True', NetworkAttached: 'True', VolumesAttached: 'True', Booted: 'True' }
const whole = () => report('running', { stages: ['ImageCached', 'Booted'], volumesAttached: ['v'] })

describe('what a running machine’s node does not say stays as it was', () => {
  test.each<[string, ObservedDocument, Presence, object]>([
    ['the hypervisor is away', report('failed', {}), 'present', ALL],
    ['a run is under way', report('building', { stages: ['Booted'] }), 'present', { ...ALL, ImageCached: 'False' }],
    ['a run that has not looked yet is under way', report('building', {}), 'present', ALL],
    [
      'the list of disks is older',
      report('running', {
        volumesAttached: [],
        volumesListedFor: { incarnation: 1, term: 1, epoch: 2, generation: 2 },
      }),
      'present',
      ALL,
    ],
    ['there is no list of disks', report('running', {}), 'present', ALL],
    ['a port is not spoken of', whole(), 'unknown', ALL],
    ['a disk is out', report('running', { volumesAttached: [] }), 'present', { ...ALL, VolumesAttached: 'False' }],
    ['a port is out', whole(), 'absent', { ...ALL, NetworkAttached: 'False' }],
    ['it is off', report('crashed', { volumesAttached: ['v'] }), 'present', { ...ALL, Booted: 'False' }],
    [
      'the report is of the generation before',
      report('stopped', { volumesAttached: [] }, { generation: 2 }),
      'absent',
      ALL,
    ],
    [
      'the report is of an older epoch',
      report('stopped', { volumesAttached: [] }, { epoch: 1, generation: 9 }),
      'absent',
      ALL,
    ],
  ])('%s', (_, said, plugged, expected) => {
    const i = machine()
    expect(observe(i, whole())).toEqual({ kind: 'done' })
    expect(stages(i)).toEqual(ALL)
    observe(i, said, plugged)
    expect(stages(i)).toEqual(expected)
  })
})

test('before anything was said no stage counts as reached', () => {
  const i = machine()
  expect(observe(i, report('building', {}), 'unknown')).toMatchObject({ kind: 'wait', reason: 'CachingImage' })
  expect(stages(i)).toEqual({
    ImageCached: 'False',
    NetworkAttached: 'False',
    VolumesAttached: 'False',
    Booted: 'False',
  })
})

test('the reason why the first stage is not reached is in its own condition, not in those of later stages', () => {
  const i = machine()
  const error = { reason: 'ImageNotReady', message: 'the image is refused on this node: digest', terminal: false }
  const outcome = observe(i, { ...report('waiting', { stages: [], volumesAttached: [] }), error }, 'absent')
  expect(outcome).toMatchObject({
    reason: 'ImageNotReady',
    message: 'waiting for the image on node c1: the image is refused on this node: digest',
  })
  const said = (i.status?.conditions ?? []).map(({ type, reason, message }) => [type, reason, message])
  expect(said).toEqual([
    ['ImageCached', 'ImageNotReady', 'waiting for the image: the image is refused on this node: digest'],
    ['NetworkAttached', 'AttachingNetwork', 'waiting for the interfaces'],
    ['VolumesAttached', 'AttachingVolumes', 'waiting for the volumes'],
    ['Booted', 'PowerChanging', 'waiting for the machine to reach its run state'],
  ])
})

test('what waits for a restart is what stands in the condition ResizePending, whatever the node says', () => {
  const i = machine()
  const pending = { type: 'ResizePending', status: 'True', reason: 'AtNextStart', message: 'm' } as const
  i.status!.conditions = [{ ...pending, lastTransitionTime: '2026-01-01T00:00:00Z' }]
  for (const said of [report('running', { volumesAttached: ['v'] }), report('failed', {})]) {
    observe(i, said)
    expect(i.status?.pendingChanges).toEqual(['spec.flavorRef'])
  }
  i.status!.conditions = []
  observe(i, report('running', { volumesAttached: ['v'], pendingChanges: ['vcpus'] }))
  expect(i.status?.pendingChanges).toBeUndefined()
})

test('a refusal from an older placement does not count for this one', () => {
  const i = machine()
  const refused = (epoch: number) => observe(i, report('refused', {}, { epoch }))
  expect(refused(1)).toMatchObject({ kind: 'wait', reason: 'Building' })
  expect(() => refused(2)).toThrow('refused the machine')
})
