// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { afterAction, decidePower, type PowerInput } from './power.ts'
import { NEW_RECORD, SHUTDOWN_GRACE_MS, type PowerRecord } from './power-record.ts'

const NOW = 1_000_000
const on: PowerRecord = { phase: 'on', bootId: 'b1', ends: 0, startedAtMs: 0 }
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
      { instance: off('unknown'), record: { phase: 'starting', bootId: 'b1', ends: 0, startedAtMs: NOW } },
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
      {
        spec: { runState: 'Stopped' },
        record: { ...on, shutdownAskedAtMs: 1, shutdownSentAtMs: NOW - SHUTDOWN_GRACE_MS },
      },
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
      { instance: off('guest'), record: { phase: 'off', because: 'Requested', ends: 0 } },
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
      { instance: off('unknown'), record: { phase: 'off', because: 'Requested', ends: 0 }, hostStopping: true },
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

  test.each([
    ['crashed', 'Crashed', [4_000, 8_000, 16_000, 32_000]],
    ['unknown', 'Crashed', [4_000, 8_000, 16_000, 32_000]],
    ['guest', 'GuestStopped', [4_000, 8_000, 16_000, 32_000]],
    // Held for a while in any case.
    ['host', 'HostRebooted', [15_000, 15_000, 16_000, 32_000]],
  ] as const)('an end by %s at once: each start comes later, and is counted', (offReason, because, expected) => {
    const always = { spec: { restartPolicy: 'Always' as const }, instance: off(offReason) }
    let record: PowerRecord = { ...on, startedAtMs: NOW }
    let nowMs = NOW
    const waits: number[] = []
    for (const [i] of expected.entries()) {
      const ended = decide({ ...always, record, nowMs })
      expect(ended.action).toBeUndefined()
      waits.push(ended.retryAfterMs!)
      expect(decide({ ...always, record: ended.record, nowMs: nowMs + ended.retryAfterMs! - 1 }).action).toBeUndefined()
      nowMs += ended.retryAfterMs!
      const started = decide({ ...always, record: ended.record, nowMs })
      expect(started.action).toBe('on')
      // A start that fails is none.
      expect(decide({ ...always, instance: off('unknown'), record: started.record, nowMs }).record.restarts ?? 0).toBe(
        i,
      )
      record = decide({ record: started.record, nowMs }).record
      expect(record).toMatchObject({ phase: 'on', restarts: i + 1, restartedAfter: because })
    }
    expect(waits).toEqual(expected)
    // It ran for more than ten minutes: a new row.
    const later = nowMs + 600_001
    expect(decide({ ...always, record, nowMs: later })).toMatchObject(
      offReason === 'host' ? { retryAfterMs: 15_000 } : { action: 'on', record: { ends: 1 } },
    )
    // Five minutes at most.
    const endless = decide({ ...always, record: { ...record, ends: 40 }, nowMs })
    expect(endless.retryAfterMs).toBe(300_000)
  })

  test('one that ended before anybody saw it run was started all the same', () => {
    const starting: PowerRecord = {
      ...on,
      phase: 'starting',
      because: 'Crashed',
      ends: 1,
      startedAtMs: NOW,
      restarts: 4,
    }
    const always = { restartPolicy: 'Always' } as const
    expect(decide({ instance: off('guest'), record: starting, spec: always }).record).toMatchObject({
      restarts: 5,
      restartedAfter: 'Crashed',
      because: 'GuestStopped',
      ends: 2,
    })
  })

  test('what was asked for is no restart, keeps their number, and ends the row', () => {
    const counts = { restarts: 3, restartedAfter: 'Crashed' as const }
    const stop = { spec: { runState: 'Stopped' as const }, instance: off('guest') }
    const stopped = decide({ ...stop, record: { ...on, ...counts, ends: 5, shutdownAskedAtMs: NOW - 1 } })
    expect(stopped.record).toEqual({ phase: 'off', because: 'Requested', ends: 0, ...counts })
    const started = decide({ instance: off('guest'), record: stopped.record })
    expect(started).toMatchObject({ action: 'on', record: { ends: 0, ...counts } })
    expect(decide({ record: started.record }).record).toMatchObject({ phase: 'on', ...counts })
    const first = decide({ instance: off('unknown') })
    expect(decide({ record: first.record }).record).not.toHaveProperty('restarts')
  })

  test('a reboot of the host counts as a restart, waits for nothing, and begins a new row', () => {
    const grant = { bootId: 'b2', grantedBootId: 'b2' }
    const quick = { ...on, startedAtMs: NOW, ends: 6 }
    const started = decide({ ...grant, instance: off('unknown'), record: quick })
    expect(started).toMatchObject({ action: 'on', record: { ends: 0 } })
    const seen = decide({ ...grant, record: started.record })
    expect(seen.record).toMatchObject({ restarts: 1, restartedAfter: 'HostRebooted' })
  })

  test.each<[string, PowerRecord, string]>([
    ['asked for', { ...on, phase: 'off', because: 'Requested', ends: 5, startedAtMs: NOW }, 'unknown'],
    ['of no known reason', { ...on, phase: 'starting', ends: 5, startedAtMs: NOW }, 'unknown'],
    [
      'a reboot, and whose start failed',
      { ...on, phase: 'starting', because: 'HostRebooted', startedAtMs: NOW },
      'host',
    ],
  ])('one whose end was %s is started at once, however late it was started last', (_, record, reason) => {
    const offBefore = reason === 'host' ? ({ offBefore: 'host' } as const) : {}
    const seen = { instance: off(reason as 'host'), record: { ...record, ...offBefore } }
    expect(decide(seen)).toMatchObject({ action: 'on', record: { startedAtMs: NOW } })
  })

  test('one that nobody knows the start of is held when the host ends it, and is no restart of ours', () => {
    const found = decide({ record: { phase: 'off', because: 'Crashed', bootId: 'b1', ends: 1 } }).record
    expect(found).toEqual({ phase: 'on', bootId: 'b1', ends: 1 })
    expect(decide({ instance: off('host'), record: found })).toMatchObject({ retryAfterMs: 15_000 })
  })

  test('a start that failed is tried again when its turn comes, whatever the end before it was', () => {
    const ended: PowerRecord = { ...on, phase: 'starting', because: 'HostRebooted', ends: 1, startedAtMs: NOW }
    expect(decide({ instance: off('unknown'), record: ended })).toMatchObject({ retryAfterMs: 4_000 })
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

  test('the first time it is let on at once, also when the clock has just begun', () => {
    expect(decide({ instance: { power: 'paused', ioError: true }, record: on, nowMs: 0 }).action).toBe('resume')
  })

  test('a machine that fell over before anybody saw it run counts as a crash', () => {
    const starting: PowerRecord = { phase: 'starting', bootId: 'b1', ends: 0, startedAtMs: NOW }
    expect(decide({ instance: off('crashed'), record: starting })).toMatchObject({
      record: { because: 'Crashed', ends: 1 },
      retryAfterMs: 4_000,
    })
  })

  test('a shutdown that was asked for long ago explains nothing', () => {
    const asked = { ...on, shutdownAskedAtMs: NOW - SHUTDOWN_GRACE_MS - 1 }
    const { record } = decide({ record: asked })
    expect(decide({ instance: off('guest'), record }).record.because).toBe('GuestStopped')
  })

  test('the times of the product', () => {
    const asked = { ...on, shutdownAskedAtMs: NOW - 7_000, shutdownSentAtMs: NOW }
    const stopping = { spec: { runState: 'Stopped' as const }, record: asked }
    // Looked at every five seconds, and at the end of its minute.
    expect(decide({ ...stopping, record: on })).toMatchObject({ action: 'shutdown', retryAfterMs: 5_000 })
    expect(decide({ ...stopping, nowMs: NOW + 54_000 })).toMatchObject({ action: 'shutdown', retryAfterMs: 5_000 })
    expect(decide({ ...stopping, nowMs: NOW + 59_999 })).toMatchObject({ action: 'shutdown', retryAfterMs: 1 })
    expect(decide({ ...stopping, nowMs: NOW + 60_000 })).toEqual({ record: asked, action: 'off' })
    const off10 = { instance: off('unknown'), record: { ...on, phase: 'off' as const, because: 'Requested' as const } }
    expect(decide({ ...off10, hostStopping: true }).retryAfterMs).toBe(10_000)
  })

  test.each([
    ['asked a minute ago', SHUTDOWN_GRACE_MS, true],
    ['asked longer ago', SHUTDOWN_GRACE_MS + 1, false],
  ])('a shutdown that was %s, of a machine that is wanted again', (_, agoMs, isKept) => {
    const { record } = decide({ record: { ...on, shutdownAskedAtMs: NOW - agoMs } })
    expect('shutdownAskedAtMs' in record).toBe(isKept)
  })

  test.each([
    ['ten minutes', 600_000, 8],
    ['longer', 600_001, 1],
  ])('a machine that ran %s before it crashed: its row of ends', (_, ranMs, ends) => {
    const record: PowerRecord = { ...on, ends: 7, startedAtMs: NOW - ranMs }
    expect(decide({ instance: off('crashed'), record })).toMatchObject({ action: 'on', record: { ends } })
  })

  test('never longer than five minutes between two starts of a machine that crashes', () => {
    const record: PowerRecord = { ...on, ends: 30, startedAtMs: NOW }
    expect(decide({ instance: off('crashed'), record }).retryAfterMs).toBe(300_000)
    const due = decide({ instance: off('crashed'), record, nowMs: NOW + 300_000 })
    expect(due).toMatchObject({ action: 'on', record: { phase: 'starting', ends: 31, startedAtMs: NOW + 300_000 } })
  })

  test('what a start begins: its boot and time, and nothing of what ended before', () => {
    const record: PowerRecord = {
      ...{ phase: 'off', bootId: 'b0', because: 'Requested', ends: 0, endedAtMs: 1, shutdownAskedAtMs: 2 },
    }
    expect(decide({ instance: off('unknown'), record }).record).toEqual({
      ...{ phase: 'starting', bootId: 'b1', because: 'Requested', ends: 0, startedAtMs: NOW },
    })
  })

  test('a machine that is seen on is on, whatever it was off for', () => {
    const record: PowerRecord = { ...on, phase: 'starting', because: 'Crashed', endedAtMs: 5, bootId: 'b0', ends: 2 }
    expect(decide({ record }).record).toEqual({
      ...{ phase: 'on', bootId: 'b1', ends: 2, startedAtMs: 0 },
      ...{ restarts: 1, restartedAfter: 'Crashed' },
    })
  })

  test('an end takes with it what was asked, and how often its disk failed', () => {
    const record: PowerRecord = { ...on, shutdownAskedAtMs: NOW, resumes: 3, resumedAtMs: NOW }
    expect(decide({ instance: off('guest'), record, spec: { runState: 'Suspended' } }).record).toEqual({
      ...{ phase: 'off', bootId: 'b1', because: 'Requested', ends: 0, startedAtMs: 0, endedAtMs: NOW },
    })
  })

  test.each([
    [60_000, true],
    [60_001, false],
  ])('a machine that ran for %i ms after its disk failed keeps its row: %s', (ranMs, isKept) => {
    const record: PowerRecord = { ...on, resumes: 3, resumedAtMs: NOW - ranMs }
    expect('resumes' in decide({ record }).record).toBe(isKept)
    // Paused it does not heal.
    const paused = { power: 'paused', ioError: false } as const
    expect('resumes' in decide({ record, instance: paused, spec: { runState: 'Paused' } }).record).toBe(true)
  })

  test('a stopped machine that is off begins anew', () => {
    const record: PowerRecord = { ...on, phase: 'off', because: 'Crashed', ends: 9, resumes: 2 }
    expect(decide({ instance: off('crashed'), record, spec: { runState: 'Stopped' } })).toStrictEqual({
      record: { phase: 'off', because: 'Requested', ends: 0 },
    })
  })

  test('a suspended machine that was on is off by request, and nothing else is asked of it', () => {
    const saved = { power: 'saved', ioError: false } as const
    const record = { ...on, shutdownAskedAtMs: 5 }
    expect(decide({ instance: saved, record, spec: { runState: 'Suspended' } })).toEqual({
      record: { ...on, phase: 'off', because: 'Requested' },
    })
  })
})

describe('orders that an agent did not live to see', () => {
  const stop = { spec: { runState: 'Stopped' as const } }

  test('what the last run’s end looks like says nothing of the start after it', () => {
    const stopped = decide({ ...stop, instance: off('guest'), record: on })
    const started = decide({ instance: off('guest'), record: stopped.record })
    expect(started).toMatchObject({ action: 'on', record: { phase: 'starting', offBefore: 'guest' } })
    // The agent ended before libvirt heard of it.
    expect(decide({ instance: off('guest'), record: started.record })).toMatchObject({ action: 'on' })
    // Another look is news: it ran and ended, in a way that is told.
    expect(decide({ instance: off('crashed'), record: started.record }).record).toMatchObject({ because: 'Crashed' })
    // And so is the same look after a start that is known to have succeeded.
    const succeeded = afterAction(started.record, 'on', NOW)
    expect(succeeded).toMatchObject({ phase: 'on' })
    expect('offBefore' in succeeded).toBe(false)
    const ended = decide({ instance: off('guest'), record: succeeded })
    expect(ended).toEqual({ record: expect.objectContaining({ because: 'GuestStopped' }) })
  })

  test('a guest has its minute from when it was asked', () => {
    const first = decide({ ...stop, record: on })
    expect(first).toMatchObject({ action: 'shutdown', record: { shutdownAskedAtMs: NOW } })
    // Nobody asked it: the call was not sent, or the agent ended in between.
    const late = NOW + 2 * SHUTDOWN_GRACE_MS
    const again = decide({ ...stop, record: first.record, nowMs: late })
    expect(again).toMatchObject({ action: 'shutdown' })
    expect(afterAction(again.record, 'pause', late)).toBe(again.record)
    const asked = afterAction(again.record, 'shutdown', late)
    expect(afterAction(asked, 'shutdown', late + 5_000)).toBe(asked)
    expect(decide({ ...stop, record: asked, nowMs: late + SHUTDOWN_GRACE_MS - 1 })).toMatchObject({
      action: 'shutdown',
    })
    expect(decide({ ...stop, record: asked, nowMs: late + SHUTDOWN_GRACE_MS })).toMatchObject({ action: 'off' })
    // One that can never be asked loses its power too.
    expect(decide({ ...stop, record: first.record, nowMs: NOW + 299_999 })).toMatchObject({ action: 'shutdown' })
    expect(decide({ ...stop, record: first.record, nowMs: NOW + 300_000 })).toMatchObject({ action: 'off' })
  })

  test.each(['Running', 'Paused'] as const)('one that was wanted %s in between is asked anew', (runState) => {
    const asked = afterAction(decide({ ...stop, record: on }).record, 'shutdown', NOW)
    const between = decide({ spec: { runState }, record: asked, nowMs: NOW + 5_000 })
    expect(between.record).toMatchObject({ shutdownWithdrawn: true })
    // Within the minute of the first order, too: the second has one of its own.
    const soon = decide({ ...stop, record: between.record, nowMs: NOW + 30_000 })
    expect(soon.record).toMatchObject({ shutdownAskedAtMs: NOW + 30_000 })
    expect('shutdownSentAtMs' in soon.record).toBe(false)
    const later = NOW + 120_000
    const anew = decide({ ...stop, record: between.record, nowMs: later })
    expect(anew).toMatchObject({ action: 'shutdown', record: { shutdownAskedAtMs: later } })
    expect(['shutdownSentAtMs' in anew.record, 'shutdownWithdrawn' in anew.record]).toEqual([false, false])
    // What goes off soon was asked to; what goes off by itself later was not, though nobody looked in between.
    const gone = { instance: off('guest'), record: between.record }
    expect(decide({ ...gone, nowMs: NOW + 10_000 })).toMatchObject({ action: 'on' })
    expect(decide({ ...gone, nowMs: later }).record).toMatchObject({ because: 'GuestStopped' })
  })

  test('a start that nobody waits for any more is no boot, has its time, and is taken back', () => {
    const starting = { power: 'paused' as const, ioError: false, startLimitMs: 60_000 }
    const ordered = decide({ instance: off('unknown'), record: { phase: 'new', ends: 0 } }).record
    const seen = (nowMs: number, record = ordered) => decide({ instance: starting, record, nowMs })
    expect(seen(NOW + 1_000)).toEqual({ record: ordered, retryAfterMs: 59_000 })
    expect(seen(NOW + 60_000)).toEqual({ record: ordered, action: 'off' })
    expect(afterAction(ordered, 'off', NOW + 60_000)).toBe(ordered)
    expect(decide({ ...stop, instance: starting, record: ordered })).toEqual({ record: ordered, action: 'off' })
    // One of which nobody knows when it was ordered: from the first look on.
    expect(seen(NOW, { phase: 'starting', ends: 0 })).toMatchObject({
      ...{ retryAfterMs: 60_000, record: { startedAtMs: NOW } },
    })
    // Somebody else's, too.
    const foreign = seen(NOW, { ...on, phase: 'off', because: 'GuestStopped' })
    expect(foreign).toMatchObject({ record: { phase: 'starting', startedAtMs: NOW }, retryAfterMs: 60_000 })
    expect(decide({ instance: off('destroyed'), record: ordered, nowMs: NOW + 60_000 })).toMatchObject({ action: 'on' })
  })
})
