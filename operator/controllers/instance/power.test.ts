// SPDX-License-Identifier: Apache-2.0
// What a node says of a machine's power, and what that means for a machine that is to run, to be off, or to rest.
import { describe, expect, test } from '@jest/globals'
import type { Instance } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import type { ObservedDocument, ObservedError } from '../../../lib/contract/documents.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { machine } from '../../testing/machine-world.ts'
import type { Presence } from '../../placed/observed-facts.ts'
import { observeInstance } from './status.ts'

const now = new Date('2026-01-01T00:00:00Z')
const asked = { incarnation: 1, epoch: 1, generation: 1 }

interface Said {
  state: string
  facts?: ObservedDocument['facts']
  error?: ObservedError
  plugged?: Presence
  unresolved?: Outcome
}

const STAGES = ['ImageCached', 'NetworkAttached', 'VolumesAttached', 'Booted'] as const

function observe(i: Instance, { state, facts = {}, error, plugged = 'present', unresolved }: Said): Outcome {
  const report = { state, since: 'since', versions: { ...asked, term: 1 }, ...(error ? { error } : {}) }
  const observed = { ...report, facts: { stages: [...STAGES], volumesAttached: ['v'], ...facts } } as ObservedDocument
  return observeInstance(i, { observed, asked, volumes: ['v'], plugged, unresolved }, now)
}
const vm = (spec: Partial<Instance['spec']> = {}, status: Instance['status'] = {}) =>
  machine(spec, { status: { node: 'c1', epoch: 1, state: 'BUILD', ...status } })
const reasonOf = (outcome: Outcome) => (outcome.kind === 'wait' ? outcome.reason : outcome.kind)
const conditionOf = (i: Instance, type: string) => findCondition(i.status?.conditions, type)

describe('a machine that went off rests or is started again, by its restart policy', () => {
  const policies = { OnFailure: 'OnFailure', Never: 'Never', Always: 'Always', none: undefined } as const
  test.each<[keyof typeof policies, string, string | undefined, string, string]>([
    ['OnFailure', 'stopped', 'GuestStopped', 'done', 'SHUTOFF'],
    ['none', 'stopped', 'GuestStopped', 'done', 'SHUTOFF'],
    ['OnFailure', 'crashed', 'Crashed', 'PowerChanging', 'ERROR'],
    ['none', 'stopped', 'HostRebooted', 'PowerChanging', 'SHUTOFF'],
    ['OnFailure', 'stopped', undefined, 'PowerChanging', 'SHUTOFF'],
    ['Never', 'stopped', 'GuestStopped', 'done', 'SHUTOFF'],
    ['Never', 'crashed', 'Crashed', 'done', 'ERROR'],
    ['Never', 'stopped', undefined, 'PowerChanging', 'SHUTOFF'],
    ['Always', 'stopped', 'GuestStopped', 'PowerChanging', 'SHUTOFF'],
    ['Always', 'crashed', 'Crashed', 'PowerChanging', 'ERROR'],
  ])('%s: %s because of %s: %s, and %s', (policy, state, because, outcome, word) => {
    const restartPolicy = policies[policy]
    const i = vm(restartPolicy ? { restartPolicy } : {}, { state: 'ACTIVE' })
    const facts = because === undefined ? {} : { stoppedBecause: because as never }
    expect(reasonOf(observe(i, { state, facts }))).toBe(outcome)
    expect(i.status?.state).toBe(word)
    const booted = conditionOf(i, 'Booted')
    expect(booted).toMatchObject({ status: 'False', reason: outcome === 'done' ? because : 'PowerChanging' })
    if (outcome === 'done') expect(booted?.message).toContain(`the machine is off (${because ?? ''})`)
  })

  test('one that is paused although it was off before does not rest', () => {
    expect(reasonOf(observe(vm(), { state: 'paused', facts: { stoppedBecause: 'GuestStopped' } }))).toBe(
      'PowerChanging',
    )
  })
})

describe('what it shall be, and is', () => {
  test.each<[Instance['spec']['runState'], string, string, string]>([
    ['Running', 'running', 'done', 'ACTIVE'],
    [undefined, 'running', 'done', 'ACTIVE'],
    ['Stopped', 'stopped', 'done', 'SHUTOFF'],
    ['Paused', 'paused', 'done', 'PAUSED'],
    ['Suspended', 'suspended', 'done', 'SUSPENDED'],
    ['Stopped', 'running', 'PowerChanging', 'ACTIVE'],
    ['Running', 'suspended', 'PowerChanging', 'SUSPENDED'],
    ['Stopped', 'crashed', 'PowerChanging', 'ERROR'],
    ['Running', 'waiting', 'PowerChanging', 'BUILD'],
    ['Running', 'gone', 'Building', 'BUILD'],
  ])('%s, and %s: %s, shown as %s', (runState, state, outcome, word) => {
    const i = vm(runState ? { runState } : {})
    expect(reasonOf(observe(i, { state, facts: state === 'waiting' ? { stages: STAGES.slice(0, 3) } : {} }))).toBe(
      outcome,
    )
    expect(i.status?.state).toBe(word)
  })

  test('off as it shall be, that is why it is not booted, whatever took it down', () => {
    const i = vm({ runState: 'Stopped' })
    expect(observe(i, { state: 'stopped', facts: { stoppedBecause: 'GuestStopped' } })).toEqual({ kind: 'done' })
    expect(conditionOf(i, 'Booted')).toMatchObject({ status: 'False', reason: 'Stopped' })
  })

  test.each<[string, Instance['spec']['runState'], Said, string]>([
    [
      'off, nothing is plugged or attached',
      'Stopped',
      { state: 'stopped', plugged: 'absent', facts: { volumesAttached: [] } },
      'done',
    ],
    [
      'suspended, its memory is on the disk',
      'Suspended',
      { state: 'suspended', plugged: 'absent', facts: { volumesAttached: [] } },
      'done',
    ],
    [
      'suspended, and to run: all of it is to be plugged later',
      'Running',
      { state: 'suspended', plugged: 'absent' },
      'PowerChanging',
    ],
    ['paused, its interfaces count', 'Paused', { state: 'paused', plugged: 'absent' }, 'AttachingNetwork'],
    ['running, its interfaces count', 'Running', { state: 'running', plugged: 'absent' }, 'AttachingNetwork'],
    ['running, its volumes count', 'Running', { state: 'running', facts: { volumesAttached: [] } }, 'AttachingVolumes'],
  ])('%s', (_, runState, said, outcome) => {
    const i = vm(runState ? { runState } : {})
    expect(reasonOf(observe(i, said))).toBe(outcome)
    // It runs, but is not what it shall be yet.
    if (outcome.startsWith('Attaching')) expect(i.status?.state).toBe('BUILD')
  })

  test('a volume of the spec that is not in the document is not attached, whatever the node says', () => {
    const i = vm()
    observe(i, { state: 'running', unresolved: waitFor('VolumeNotFound', 'create it') })
    expect(conditionOf(i, 'VolumesAttached')).toMatchObject({
      status: 'False',
      reason: 'VolumeNotFound',
      message: 'create it',
    })
  })
})

describe('a node that fails', () => {
  test.each<[ObservedError | undefined, object]>([
    [
      { reason: 'DiskFull', message: 'no space', terminal: false },
      { reason: 'DiskFull', message: 'no space' },
    ],
    [undefined, { reason: 'Failed', message: 'node c1 is trying again' }],
  ])('is waited for with its own words: %j', (error, expected) => {
    const i = vm({}, { state: 'ACTIVE' })
    expect(observe(i, { state: 'failed', ...(error ? { error } : {}) })).toMatchObject({ kind: 'wait', ...expected })
    expect(i.status?.state).toBe('ACTIVE')
  })

  test.each<[ObservedError | undefined, object]>([
    [
      { reason: 'PathUnsafe', message: 'a link', terminal: true },
      { reason: 'PathUnsafe', message: 'a link' },
    ],
    [undefined, { reason: 'Refused', message: 'node c1 refused the machine' }],
  ])('and refuses is not: %j', (error, expected) => {
    const attempt = () => observe(vm(), { state: 'refused', ...(error ? { error } : {}) })
    expect(attempt).toThrow(expect.objectContaining(expected))
  })
})

test.each<[string, ObservedDocument['facts'], string | undefined]>([
  ['running', { startedAt: 'started' }, 'started'],
  ['running', {}, 'since'],
  ['stopped', { startedAt: 'started' }, 'before'],
  ['failed', {}, 'before'],
])('since when it runs is said of a machine that is %s with %j: %s', (state, facts, startedAt) => {
  const i = vm({}, { startedAt: 'before', restarts: 2 })
  observe(i, { state, facts })
  expect(i.status).toMatchObject({ startedAt, restarts: 2 })
})

test('nodes that refused it are forgotten once it is what it shall be, and not before', () => {
  const i = vm({}, { excludedNodes: ['c9'] })
  observe(i, { state: 'running', plugged: 'absent' })
  expect(i.status?.excludedNodes).toEqual(['c9'])
  observe(i, { state: 'running' })
  expect(i.status).not.toHaveProperty('excludedNodes')
})
