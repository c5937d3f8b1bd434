// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { InstanceDocument } from '../../lib/contract/documents.ts'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import type { BackendInstance, PowerState } from './instance-driver.ts'
import { listLeaving, listStages, toObservation, type Converged } from './observation.ts'
import type { PowerRecord } from './power-record.ts'
import { instanceDocument, runContext } from './testing.ts'

const image = { sha256: '0'.repeat(64), format: 'raw' as const, virtualSizeBytes: 1024 }
const connection = { protocol: 'file' as const, path: '/p/v', format: 'raw' as const }
const withVolumes = (...uids: string[]): InstanceDocument =>
  instanceDocument({ volumes: uids.map((uid) => ({ uid, name: uid, connection })) })
const machine = (more: Partial<BackendInstance> = {}): BackendInstance => ({
  ...{ uid: 'u', epoch: 1, namespace: 'team-a', name: 'vm1', power: 'running', ioError: false, unresponsive: false },
  ...{ vcpus: 1, memoryMiB: 128, volumes: [], ports: [] },
  ...more,
})
const on: PowerRecord = { phase: 'on', ends: 0 }
function observe(instance: BackendInstance, more: Partial<Converged> = {}, document = instanceDocument()) {
  const now = { instance, record: on, retryAfterMs: undefined, driver: 'libvirt', trouble: undefined, ...more }
  return toObservation(document, runContext({ image }).state, now)
}

describe('the state', () => {
  test.each<[PowerState, PowerRecord['because'], string, string | undefined]>([
    ['running', undefined, 'running', undefined],
    ['paused', undefined, 'paused', undefined],
    ['sleeping', undefined, 'paused', undefined],
    ['saved', 'Requested', 'suspended', undefined],
    ['off', 'Requested', 'stopped', undefined],
    ['off', undefined, 'stopped', undefined],
    ['off', 'GuestStopped', 'stopped', 'GuestStopped'],
    ['off', 'HostRebooted', 'stopped', 'HostRebooted'],
    ['off', 'Crashed', 'crashed', 'Crashed'],
    // What it once went off for says nothing of one that is on.
    ['running', 'Crashed', 'running', undefined],
  ])('of a machine that is %s because of %s', (power, because, state, said) => {
    const record: PowerRecord = because === undefined ? on : { ...on, because }
    const observation = observe(machine({ power }), { record })
    expect([observation.state, observation.facts?.stoppedBecause]).toEqual([state, said])
  })

  test('of one whose start is under way is building: it has not booted', () => {
    const observation = observe(machine({ power: 'paused', startLimitMs: 5_000 }))
    expect(observation.state).toBe('building')
    expect(observation.facts?.stages).toEqual(['ImageCached'])
  })

  test('goes with what is known and nothing else', () => {
    const record = { ...on, startedAtMs: 1_700_000_000_000 }
    const known = machine({ volumes: ['v'], ports: ['p'], rootBytes: 3 * 2 ** 30 - 1 })
    expect(observe(known, { record, retryAfterMs: 5 })).toEqual({
      state: 'running',
      facts: {
        ...{
          stages: ['ImageCached'],
          hypervisor: 'libvirt',
          restarts: 0,
        },
        ...{ volumesAttached: ['v'], portsAttached: ['p'], vcpus: 1, memoryMiB: 128, rootDiskGiB: 2 },
        startedAt: '2023-11-14T22:13:20.000Z',
      },
      error: expect.objectContaining({ reason: 'VolumeDetaching' }),
      retryAfterMs: 5,
    })
    const bare = machine({ volumes: undefined, ports: undefined, vcpus: undefined, memoryMiB: undefined })
    expect(observe(bare)).toStrictEqual({
      state: 'running',
      facts: { stages: ['ImageCached'], hypervisor: 'libvirt', restarts: 0 },
    })
  })
})

describe('sizes that wait for the next start', () => {
  test.each<[string, Partial<BackendInstance>, string[] | undefined]>([
    ['none', {}, undefined],
    ['vCPUs', { vcpus: 2 }, ['vcpus']],
    ['memory', { memoryMiB: 64 }, ['memoryMiB']],
    ['both, in a saved machine too', { vcpus: 2, memoryMiB: 64, power: 'saved' }, ['vcpus', 'memoryMiB']],
    ['of a machine that is off: none', { vcpus: 2, power: 'off' }, undefined],
    ['not known: none', { vcpus: undefined, memoryMiB: undefined }, undefined],
  ])('%s', (_, more, expected) => {
    expect(observe(machine(more)).facts?.pendingChanges).toEqual(expected)
  })
})

describe('what is wrong', () => {
  test.each<[string, Partial<BackendInstance>, unknown, string | undefined]>([
    ['nothing', {}, undefined, undefined],
    ['a hang', { unresponsive: true, volumes: undefined }, undefined, 'MachineUnresponsive'],
    ['a disk', { ioError: true, power: 'paused' }, undefined, 'DiskError'],
    ['a hang before a disk', { ioError: true, unresponsive: true }, undefined, 'MachineUnresponsive'],
    ['a disk before what leaves', { ioError: true, volumes: ['old'] }, undefined, 'DiskError'],
    ['a volume that leaves', { volumes: ['old'] }, undefined, 'VolumeDetaching'],
    ['a volume of a machine that is off is none', { volumes: ['old'], power: 'off' }, undefined, undefined],
    ['trouble before all', { unresponsive: true }, new TransientError('Away', 'away'), 'Away'],
    ['trouble for good', {}, new TerminalError('Never', 'never'), 'Never'],
    ['trouble that nobody foresaw', {}, new Error('/etc/secret'), 'AgentError'],
  ])('%s', (_, more, trouble, reason) => {
    const { error } = observe(machine(more), { trouble })
    expect(error?.reason).toBe(reason)
    if (error) expect(error.terminal).toBe(reason === 'Never')
    expect(error?.message ?? '').not.toContain('secret')
  })

  test.each<[string, PowerState, Partial<PowerRecord>, number | undefined, string | undefined]>([
    ['waits for its next start', 'off', { ends: 3, because: 'GuestStopped' }, 8_000, 'RestartBackOff'],
    ['stays off', 'off', { ends: 3, because: 'GuestStopped' }, undefined, undefined],
    ['waits for the host to stop', 'off', { ends: 0, because: 'HostRebooted' }, 10_000, undefined],
    ['is on again', 'running', { ends: 3 }, 8_000, undefined],
  ])('a machine that ended by itself and %s', (_, power, more, retryAfterMs, reason) => {
    const { error, facts } = observe(machine({ power }), { record: { ...on, restarts: 7, ...more }, retryAfterMs })
    expect([error?.reason, facts?.restarts]).toEqual([reason, 7])
    if (error) expect(error.message).toContain('3 times in a row (GuestStopped)')
  })

  test('says what a volume that leaves waits for', () => {
    const message = (power: PowerState) => observe(machine({ power, volumes: ['old'] })).error?.message
    expect(message('running')).toContain('boots')
    expect(message('paused')).toContain('when it runs')
  })

  test('volumes that leave are those that it has and is not to have', () => {
    expect(listLeaving(withVolumes('a'), machine({ volumes: ['a', 'b', 'c'] }))).toEqual(['b', 'c'])
    expect(listLeaving(withVolumes('a'), machine({ volumes: undefined }))).toEqual([])
  })
})

describe('the image', () => {
  test.each<[string, BackendInstance | undefined, Parameters<typeof runContext>[0], string[]]>([
    ['not downloaded, no machine', undefined, {}, []],
    ['downloaded, no machine', undefined, { image }, ['ImageCached']],
    ['not downloaded, of a machine that is off', machine({ power: 'off' }), {}, []],
    ['not downloaded, of one whose start is under way', machine({ power: 'paused', startLimitMs: 5_000 }), {}, []],
    ['of a machine that is on: it has had its image', machine(), {}, ['ImageCached']],
  ])('%s', (_, instance, options, expected) => {
    expect(listStages(instanceDocument(), runContext(options).state, instance)).toEqual(expected)
  })
})
