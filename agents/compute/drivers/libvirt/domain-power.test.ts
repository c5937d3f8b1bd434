// SPDX-License-Identifier: Apache-2.0
// Which call switches what, on which connection, how long it may take, and what its failures come to.
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { rm } from 'node:fs/promises'
import { until } from '../../../../lib/time/until.ts'
import { makeMemoryFolder } from '../../../../lib/memory-folder.ts'
import type { PowerAction, PowerState } from '../../instance-driver.ts'
import { DomainPower, savedMs } from './domain-power.ts'
import { SaveRoom } from './save-room.ts'
import { DOMAIN, fakeLibvirt, refuse, type FakeLibvirt } from './fake-client.ts'

let at: FakeLibvirt
let dir: string
let power: DomainPower
const signal = new AbortController().signal
beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-save-')
  at = fakeLibvirt({ getInfo: () => ({ maxMemoryKiB: 128n * 1024n }) })
  power = new DomainPower(at.connections, { saveDir: dir })
})
afterEach(() => rm(dir, { recursive: true }))
const set = (from: PowerState, action: PowerAction, end: AbortSignal = signal) =>
  power.set({ ref: DOMAIN, mark: undefined, power: from, offReason: undefined, ioError: false }, action, end)
const timeout = (): Error => Object.assign(new Error('timed out'), { name: 'TimeoutError' })

test.each<[PowerState, PowerAction, string[]]>([
  ['off', 'on', ['starts create 65000']],
  // 128 MiB at 10 MiB a second.
  ['saved', 'on', ['guest getInfo 10000', 'starts create 77800']],
  ['running', 'on', []],
  ['paused', 'on', []],
  ['paused', 'resume', ['orders resume 10000']],
  ['running', 'resume', []],
  ['sleeping', 'wake', ['orders wakeUp 10000']],
  ['running', 'wake', []],
  ['running', 'pause', ['orders suspend 10000']],
  ['paused', 'pause', []],
  ['sleeping', 'pause', []],
  ['running', 'save', ['guest getInfo 10000', 'saves managedSave 312800']],
  ['paused', 'save', ['guest getInfo 10000', 'saves managedSave 312800']],
  ['saved', 'save', []],
  ['off', 'save', []],
  ['running', 'shutdown', ['orders shutdown 3000']],
  ['off', 'shutdown', []],
  ['saved', 'shutdown', []],
  ['running', 'off', ['forced destroy 60000']],
  ['paused', 'off', ['forced destroy 60000']],
  ['saved', 'off', ['quick removeManagedSave']],
  ['off', 'off', []],
])('%s, %s', async (from, action, expected) => {
  await set(from, action)
  expect(at.calls).toEqual(expected)
})

describe('what a call meets', () => {
  test.each<[PowerState, PowerAction, string, Error]>([
    ['running', 'off', 'destroy', refuse('operationInvalid')],
    ['running', 'off', 'destroy', refuse('noDomain')],
    ['running', 'shutdown', 'shutdown', refuse('operationInvalid')],
    // The guest does not hear: it is asked again, and then loses its power.
    ['running', 'shutdown', 'shutdown', timeout()],
    ['running', 'shutdown', 'shutdown', refuse('operationTimeout')],
    ['sleeping', 'wake', 'wakeUp', refuse('operationInvalid')],
    ['off', 'on', 'create', refuse('operationInvalid')],
  ])('of one that is %s, %s: calling %s, it is so already, or will be (%#)', async (from, action, procedure, error) => {
    at.answers[procedure] = () => Promise.reject(error)
    await set(from, action)
  })

  test.each<[PowerState, PowerAction, string]>([
    ['running', 'off', 'destroy'],
    ['running', 'shutdown', 'shutdown'],
    ['off', 'on', 'create'],
    ['running', 'save', 'managedSave'],
    ['paused', 'resume', 'resume'],
  ])('of one that is %s, %s: a failure', async (from, action, procedure) => {
    at.answers[procedure] = () => Promise.reject(refuse('internal', 'broken'))
    await expect(set(from, action)).rejects.toThrow('broken')
  })

  test('who ended the run is not told that its guest is silent', async () => {
    const end = new AbortController()
    at.answers['shutdown'] = () => {
      end.abort(new Error('ended'))
      return Promise.reject(timeout())
    }
    await expect(set('running', 'shutdown', end.signal)).rejects.toThrow('ended')
  })

  test('a machine for which there is no room is not saved', async () => {
    at.answers['getInfo'] = () => ({ maxMemoryKiB: 2n ** 50n })
    await expect(set('running', 'save')).rejects.toMatchObject({ reason: 'NoRoomToSuspend' })
    expect(at.calls).toEqual(['guest getInfo 10000'])
  })
})

test('a save that is over, or failed, holds no room any more', async () => {
  const held: number[] = []
  let now = 0
  const spy = jest.spyOn(SaveRoom.prototype, 'promise').mockImplementation(async () => {
    held.push(++now)
    return () => void held.push(--now)
  })
  try {
    await set('running', 'save')
    at.answers['managedSave'] = () => Promise.reject(refuse('internal', 'full'))
    await expect(set('running', 'save')).rejects.toThrow('full')
    expect(held).toEqual([1, 0, 1, 0])
  } finally {
    spy.mockRestore()
  }
})

describe('a start', () => {
  /** Lasts until QEMU is destroyed for the given time, as one that waits for a switch does. */
  function hangs(destroys: number): void {
    let end: () => void = () => undefined
    at.answers['create'] = () => new Promise((_, reject) => (end = () => reject(refuse('internal', 'QEMU ended'))))
    let left = destroys
    at.answers['destroy'] = () => {
      if (--left === 0) end()
      else throw refuse('internal', 'not yet')
    }
  }

  test('that takes too long is taken back, for as long as it is under way, and told as such', async () => {
    power = new DomainPower(at.connections, { saveDir: dir, startTimeoutMs: 30 })
    hangs(2)
    await expect(set('off', 'on')).rejects.toMatchObject({
      reason: 'StartTimeout',
      message: 'the machine did not start within 0.03 s',
    })
    expect(at.calls).toEqual(['starts create 5030', 'forced destroy 60000', 'forced destroy 60000'])
  })

  test('whose run is ended is taken back, and waited for', async () => {
    hangs(1)
    const end = new AbortController()
    const starting = set('off', 'on', end.signal)
    await until(() => at.calls.length === 1)
    end.abort(new Error('ended'))
    await expect(starting).rejects.toThrow('ended')
    expect(at.calls).toEqual(['starts create 65000', 'forced destroy 60000'])
  })

  test('that was ended before it began is not begun', async () => {
    const end = new AbortController()
    at.answers['getInfo'] = () => {
      end.abort(new Error('ended'))
      return { maxMemoryKiB: 1n }
    }
    await expect(set('saved', 'on', end.signal)).rejects.toThrow('ended')
    await expect(set('off', 'on', end.signal)).rejects.toThrow('ended')
    expect(at.calls).toEqual(['guest getInfo 10000'])
  })

  test('is not given up by libvirtd’s caller: its call has a signal that nobody aborts', async () => {
    const end = new AbortController()
    let given: AbortSignal | undefined
    at.answers['create'] = (_, by) => void (given = by)
    await set('off', 'on', end.signal)
    end.abort()
    expect(given!.aborted).toBe(false)
  })
})

test('memory is read and written at ten MiB a second at least', () => {
  expect([savedMs(0), savedMs(1), savedMs(1024)]).toEqual([0, 100, 102_400])
})
