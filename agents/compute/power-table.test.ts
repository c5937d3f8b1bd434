// SPDX-License-Identifier: Apache-2.0
// Every combination of what is wanted, seen and recorded, held against rules that are written down once more, apart from the code.
import { describe, expect, test } from '@jest/globals'
import type { OffReason, PowerState } from './instance-driver.ts'
import { decidePower, type PowerInput } from './power.ts'
import { STOPPED_BECAUSE, type PowerRecord, type StoppedBecause } from './power-record.ts'

const NOW = 10_000_000
const BOOTS = {
  'the same boot': { bootId: 'b1', grantedBootId: 'b1' },
  'a new boot without a grant': { bootId: 'b2', grantedBootId: 'b1' },
  'a new boot with one': { bootId: 'b2', grantedBootId: 'b2' },
} as const
type Boot = keyof typeof BOOTS
const POWERS: readonly (PowerState | 'ioError')[] = ['running', 'paused', 'ioError', 'sleeping', 'saved', 'off']
const OFF: readonly OffReason[] = ['guest', 'host', 'destroyed', 'crashed', 'unknown']
/** As it was left: never started, ordered, seen on, or off for a reason. */
const RECORDS: readonly ('new' | 'starting' | 'on' | 'stopping' | StoppedBecause)[] = [
  ...(['new', 'starting', 'on', 'stopping'] as const),
  ...STOPPED_BECAUSE,
]

interface Case {
  runState: PowerInput['spec']['runState']
  restartPolicy: PowerInput['spec']['restartPolicy']
  power: (typeof POWERS)[number]
  offReason: OffReason
  record: (typeof RECORDS)[number]
  boot: Boot
  hostStopping: boolean
  offlineRestart: boolean
}

function* allCases(): Generator<Case> {
  for (const runState of ['Running', 'Stopped', 'Paused', 'Suspended'] as const)
    for (const restartPolicy of ['Never', 'OnFailure', 'Always'] as const)
      for (const power of POWERS)
        for (const offReason of power === 'off' ? OFF : (['unknown'] as const))
          for (const record of RECORDS)
            for (const boot of Object.keys(BOOTS) as Boot[])
              for (const hostStopping of [false, true])
                for (const offlineRestart of [false, true])
                  yield { runState, restartPolicy, power, offReason, record, boot, hostStopping, offlineRestart }
}

function recordOf(word: Case['record']): PowerRecord {
  if (word === 'new') return { phase: 'new', ends: 0 }
  const long = { bootId: 'b1', ends: 0, startedAtMs: 0 }
  if (word === 'starting') return { ...long, phase: 'starting' }
  if (word === 'on') return { ...long, phase: 'on' }
  if (word === 'stopping') return { ...long, phase: 'on', shutdownAskedAtMs: NOW - 1_000 }
  return { ...long, phase: 'off', because: word, endedAtMs: NOW - 1_000_000 }
}

function decide(c: Case, record = recordOf(c.record)) {
  return decidePower({
    spec: { runState: c.runState, restartPolicy: c.restartPolicy, offlineRestart: c.offlineRestart },
    ...BOOTS[c.boot],
    hostStopping: c.hostStopping,
    instance: {
      power: c.power === 'ioError' ? 'paused' : c.power,
      ...(c.power === 'off' ? { offReason: c.offReason } : {}),
      ioError: c.power === 'ioError',
    },
    record,
    nowMs: NOW,
  })
}

/** Why a machine that is found off now is off. */
function expectedBecause(c: Case): StoppedBecause | undefined {
  const ran = c.record === 'on' || c.record === 'stopping'
  const ranUnseen = c.record === 'starting' && ['guest', 'host', 'crashed'].includes(c.offReason)
  if (!ran && !ranUnseen)
    return c.record === 'new' || c.record === 'starting' ? undefined : (c.record as StoppedBecause)
  if (c.boot !== 'the same boot') return 'HostRebooted'
  if (c.record === 'stopping') return 'Requested'
  if (c.hostStopping || c.offReason === 'host') return 'HostRebooted'
  return c.offReason === 'guest' ? 'GuestStopped' : 'Crashed'
}

function mayStart(c: Case, because: StoppedBecause | undefined): boolean {
  if (c.hostStopping) return false
  if (because === 'GuestStopped' && c.restartPolicy !== 'Always') return false
  if ((because === 'Crashed' || because === 'HostRebooted') && c.restartPolicy === 'Never') return false
  return c.boot !== 'a new boot without a grant' || c.offlineRestart
}

const isFreshHostEnd = (c: Case): boolean =>
  c.boot === 'the same boot' && ['on', 'starting'].includes(c.record) && expectedBecause(c) === 'HostRebooted'

function expectedAction(c: Case): string | undefined {
  const isOff = c.power === 'off' || c.power === 'saved'
  const because = c.power === 'saved' ? 'Requested' : expectedBecause(c)
  const start = mayStart(c, because) && !(c.power === 'off' && isFreshHostEnd(c)) ? 'on' : undefined
  switch (c.runState) {
    case 'Running':
      if (isOff) return start
      return { running: undefined, paused: 'resume', ioError: 'resume', sleeping: 'wake' }[c.power as 'running']
    case 'Paused':
      if (isOff) return start
      return { running: 'pause', paused: undefined, ioError: undefined, sleeping: 'wake' }[c.power as 'running']
    case 'Suspended':
      if (isOff) return undefined
      return c.power === 'sleeping' ? 'wake' : 'save'
    case 'Stopped':
      if (c.power === 'off') return undefined
      return c.power === 'running' ? 'shutdown' : 'off'
    default:
      return c.runState satisfies never
  }
}

describe('every power, run state, policy, boot and reason', () => {
  const cases = [...allCases()]
  test(`${cases.length} rows`, () => {
    expect(cases.length).toBeGreaterThan(10_000)
    const wrong = cases.filter((c) => decide(c).action !== expectedAction(c))
    expect(wrong).toEqual([])
  })

  test('why a machine is off is what happened, and is kept', () => {
    const off = cases.filter((c) => c.power === 'off' && c.runState !== 'Stopped')
    const wrong = off.filter((c) => {
      const { record, action } = decide(c)
      // Held for want of a grant counts as the reboot that took it.
      const isHeld =
        c.runState !== 'Suspended' && !c.hostStopping && c.boot === 'a new boot without a grant' && !c.offlineRestart
      const mayRun = mayStart({ ...c, boot: 'the same boot' }, expectedBecause(c))
      const expected = isHeld && action === undefined && mayRun ? 'HostRebooted' : expectedBecause(c)
      return record.because !== expected
    })
    expect(wrong).toEqual([])
  })

  test('looked at twice, the record is the same: nothing is counted twice', () => {
    const unstable = cases.filter((c) => {
      if (c.runState === 'Stopped') return false
      const first = decide(c)
      if (first.action !== undefined) return false
      return JSON.stringify(decide(c, first.record).record) !== JSON.stringify(first.record)
    })
    expect(unstable).toEqual([])
  })

  test('a reboot that libvirt-guests or systemd prepares starts the same machines again afterwards', () => {
    for (const offReason of OFF) {
      const c: Case = {
        ...{ runState: 'Running', restartPolicy: 'OnFailure', power: 'off', offReason, record: 'on' },
        ...{ boot: 'the same boot', hostStopping: true, offlineRestart: false },
      }
      const down = decide(c)
      expect(down).toMatchObject({ record: { because: 'HostRebooted' } })
      expect(down.action).toBeUndefined()
      const unknown = { ...c, offReason: 'unknown' as const, hostStopping: false }
      const waiting = decide({ ...unknown, boot: 'a new boot without a grant' }, down.record)
      expect(waiting.action).toBeUndefined()
      expect(decide({ ...unknown, boot: 'a new boot with one' }, waiting.record).action).toBe('on')
    }
  })
})
