// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { decidePower, type PowerInput } from './power.ts'
import { NEW_RECORD, SHUTDOWN_GRACE_MS, type PowerRecord } from './power-record.ts'

const NOW = 1_000_000
const on: PowerRecord = { phase: 'on', bootId: 'b1', crashes: 0, startedAtMs: 0 }
const running = { power: 'running', ioError: false } as const
const off = (offReason: 'guest' | 'host' | 'crashed' | 'destroyed' | 'unknown') =>
  ({ power: 'off', offReason, ioError: false }) as const
type Change = Omit<Partial<PowerInput>, 'spec'> & { spec?: Partial<PowerInput['spec']> }

function decide(change: Change) {
  return decidePower({
    bootId: 'b1',
    grantedBootId: 'b1',
    hostStopping: false,
    instance: running,
    record: NEW_RECORD,
    nowMs: NOW,
    ...change,
    spec: { runState: 'Running', restartPolicy: 'OnFailure', offlineRestart: false, ...change.spec },
  })
}

describe('what to do about the power', () => {
  test.each<[string, Change, string | undefined, string | undefined]>([
    ['a new machine starts', { instance: off('unknown') }, 'on', undefined],
    [
      'one whose start was cut short starts again',
      { instance: off('unknown'), record: { phase: 'starting', bootId: 'b1', crashes: 0, startedAtMs: NOW } },
      'on',
      undefined,
    ],
    ['a running one is left alone', {}, undefined, undefined],
    ['a guest that powered itself off stays off', { instance: off('guest'), record: on }, undefined, 'GuestStopped'],
    [
      '… unless Always',
      { instance: off('guest'), record: on, spec: { restartPolicy: 'Always' } },
      'on',
      'GuestStopped',
    ],
    ['a crash starts it again', { instance: off('crashed'), record: on }, 'on', 'Crashed'],
    ['so does an end nobody can explain', { instance: off('unknown'), record: on }, 'on', 'Crashed'],
    [
      '… unless Never',
      { instance: off('crashed'), record: on, spec: { restartPolicy: 'Never' } },
      undefined,
      'Crashed',
    ],
    [
      'a reboot of the host waits for a grant',
      { instance: off('unknown'), record: on, bootId: 'b2' },
      undefined,
      'HostRebooted',
    ],
    [
      '… and starts with one',
      { instance: off('unknown'), record: on, bootId: 'b2', grantedBootId: 'b2' },
      'on',
      'HostRebooted',
    ],
    [
      '… or by its document alone',
      { instance: off('unknown'), record: on, bootId: 'b2', spec: { offlineRestart: true } },
      'on',
      'HostRebooted',
    ],
    [
      'a reboot is no reason to start what may not',
      { instance: off('unknown'), record: on, bootId: 'b2', grantedBootId: 'b2', spec: { restartPolicy: 'Never' } },
      undefined,
      'HostRebooted',
    ],
    [
      'a new machine without a grant of this boot waits too',
      { instance: off('unknown'), bootId: 'b2' },
      undefined,
      'HostRebooted',
    ],
    ['stop asks the guest', { spec: { runState: 'Stopped' }, record: on }, 'shutdown', undefined],
    [
      '… asks again',
      { spec: { runState: 'Stopped' }, record: { ...on, shutdownAskedAtMs: NOW - 1000 } },
      'shutdown',
      undefined,
    ],
    [
      '… then takes the power',
      { spec: { runState: 'Stopped' }, record: { ...on, shutdownAskedAtMs: NOW - SHUTDOWN_GRACE_MS } },
      'off',
      undefined,
    ],
    [
      'a stopped one is done',
      { spec: { runState: 'Stopped' }, instance: off('guest'), record: on },
      undefined,
      'Requested',
    ],
    [
      'a stopped one starts when wanted',
      { instance: off('guest'), record: { phase: 'off', because: 'Requested', crashes: 0 } },
      'on',
      'Requested',
    ],
    ['pause', { spec: { runState: 'Paused' }, record: on }, 'pause', undefined],
    ['pause starts first', { spec: { runState: 'Paused' }, instance: off('unknown') }, 'on', undefined],
    ['resume', { instance: { power: 'paused', ioError: false }, record: on }, 'resume', undefined],
    ['suspend', { spec: { runState: 'Suspended' }, record: on }, 'save', undefined],
    [
      'a suspended one is done',
      { spec: { runState: 'Suspended' }, instance: { power: 'saved', ioError: false }, record: on },
      undefined,
      'Requested',
    ],
    [
      'a process that the host ended is not the guest’s doing',
      { instance: off('host'), record: on },
      undefined,
      'HostRebooted',
    ],
    [
      'nor is a guest that libvirt-guests shut down',
      { instance: off('guest'), record: on, hostStopping: true },
      undefined,
      'HostRebooted',
    ],
    [
      'nothing starts on a host that goes down',
      { instance: off('unknown'), record: { phase: 'off', because: 'Requested', crashes: 0 }, hostStopping: true },
      undefined,
      'Requested',
    ],
    [
      'stopped by the guest before the reboot, recorded then: stays off',
      {
        instance: off('unknown'),
        record: { ...on, phase: 'off', because: 'GuestStopped' },
        bootId: 'b2',
        grantedBootId: 'b2',
      },
      undefined,
      'GuestStopped',
    ],
    [
      'wanted again while it still shuts down: that was asked for, and it starts',
      { instance: off('guest'), record: { ...on, shutdownAskedAtMs: NOW - 1000 } },
      'on',
      'Requested',
    ],
    [
      'a guest that sleeps is woken',
      { instance: { power: 'sleeping', ioError: false }, record: on },
      'wake',
      undefined,
    ],
    [
      'one that sleeps cannot shut down',
      { instance: { power: 'sleeping', ioError: false }, record: on, spec: { runState: 'Stopped' } },
      'off',
      undefined,
    ],
    ['and wakes', { instance: { power: 'saved', ioError: false }, record: on }, 'on', 'Requested'],
  ])('%s', (_name, change, action, because) => {
    const decision = decide(change)
    expect(decision.action).toBe(action)
    expect(decision.record.because).toBe(because)
  })

  test('a machine that crashes at once is started ever more rarely', () => {
    let record: PowerRecord = { ...on, startedAtMs: NOW }
    let nowMs = NOW
    const waits: number[] = []
    for (let i = 0; i < 4; i++) {
      const first = decide({ instance: off('crashed'), record, nowMs })
      expect(first.action).toBeUndefined()
      waits.push(first.retryAfterMs!)
      nowMs += first.retryAfterMs!
      const second = decide({ instance: off('crashed'), record: first.record, nowMs })
      expect(second.action).toBe('on')
      record = decide({ record: second.record, nowMs }).record
    }
    expect(waits).toEqual([4000, 8000, 16000, 32000])
  })

  test('what the host ended is started after a while, when the host is still there', () => {
    const ended = decide({ instance: off('host'), record: on })
    expect(ended).toMatchObject({ retryAfterMs: 15_000, record: { endedAtMs: NOW } })
    const due = { instance: off('host'), record: ended.record }
    expect(decide({ ...due, nowMs: NOW + 14_999 })).toMatchObject({ retryAfterMs: 1 })
    expect(decide({ ...due, nowMs: NOW + 15_000 }).action).toBe('on')
  })

  test('a machine that a failed disk paused is let on ever more rarely, and at once again after it ran', () => {
    const paused = { power: 'paused', ioError: true } as const
    let record: PowerRecord = on
    let nowMs = NOW
    const waits: number[] = []
    for (let i = 0; i < 7; i++) {
      const resumed = decide({ instance: paused, record, nowMs })
      expect(resumed.action).toBe('resume')
      // It stands again at once; looking at it more often does not let it on more often.
      const early = decide({ instance: paused, record: resumed.record, nowMs: nowMs + 1 })
      expect(early.action).toBeUndefined()
      expect(early.retryAfterMs).toBe(resumed.retryAfterMs! - 1)
      waits.push(resumed.retryAfterMs!)
      nowMs += resumed.retryAfterMs!
      // Seen running in between, for less than a minute.
      record = decide({ record: resumed.record, nowMs: nowMs - 1 }).record
    }
    expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
    const healed = decide({ record, nowMs: nowMs + 60_001 })
    expect(healed.record).not.toHaveProperty('resumes')
    expect(decide({ instance: paused, record: healed.record, nowMs: nowMs + 60_002 })).toMatchObject({
      action: 'resume',
      retryAfterMs: 2_000,
    })
  })

  test('a machine that fell over before anybody saw it run counts as a crash', () => {
    const starting: PowerRecord = { phase: 'starting', bootId: 'b1', crashes: 0, startedAtMs: NOW }
    expect(decide({ instance: off('crashed'), record: starting })).toMatchObject({
      record: { because: 'Crashed', crashes: 1 },
      retryAfterMs: 4_000,
    })
  })

  test('a shutdown that was asked for long ago explains nothing', () => {
    const asked = { ...on, shutdownAskedAtMs: NOW - SHUTDOWN_GRACE_MS - 1 }
    const { record } = decide({ record: asked })
    expect(decide({ instance: off('guest'), record }).record.because).toBe('GuestStopped')
  })
})
