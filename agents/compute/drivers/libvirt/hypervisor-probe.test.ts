// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { until } from '../../../../lib/time/until.ts'
import { makeMemoryFolder } from '../../../../lib/memory-folder.ts'
import type { Refusal } from './acceleration.ts'
import { HypervisorProbe } from './hypervisor-probe.ts'

const signal = new AbortController().signal
const REFUSED: Refusal = { reason: 'permission denied', slow: false }
const SLOW: Refusal = { reason: 'not within 5000 ms', slow: true }
let dir: string
let nowMs: number
/** What a guest of each kind does next; the last one stays. */
let guests: Record<'kvm' | 'qemu', (Refusal | undefined)[]>
let tried: string[]
beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-probe-')
  nowMs = 1_000_000
  tried = []
})
afterEach(() => rm(dir, { recursive: true, force: true }))

function newProbe(bootId = 'boot-1'): HypervisorProbe {
  return new HypervisorProbe({
    async tryGuest(type, _signal, times) {
      tried.push(times === undefined ? type : `${type} × ${times}`)
      const queue = guests[type]
      return queue.length > 1 ? queue.shift() : queue[0]
    },
    readVersion: async () => '10.0',
    bootId,
    file: join(dir, 'compute/acceleration.json'),
    nowMs: () => nowMs,
  })
}
const settled = () => new Promise((resolve) => setTimeout(resolve, 10))

describe('whether KVM works', () => {
  test('a guest that ran proves it, for this boot, also to the next process', async () => {
    guests = { kvm: [undefined], qemu: [undefined] }
    expect(await newProbe().acceleration(signal)).toEqual({ acceleration: 'kvm' })
    expect(await newProbe().facts(signal)).toEqual({ type: 'QEMU', version: '10.0', acceleration: 'kvm' })
    expect(tried).toEqual(['kvm'])
    await newProbe('boot-2').acceleration(signal)
    expect(tried).toEqual(['kvm', 'kvm'])
  })

  test('whose run is ended is told so, whatever is known', async () => {
    guests = { kvm: [undefined], qemu: [undefined] }
    const probe = newProbe()
    for (let i = 0; i < 2; i++) {
      await expect(probe.acceleration(AbortSignal.abort(new Error('ended')))).rejects.toThrow('ended')
      await probe.acceleration(signal)
    }
  })

  test('none, when the control runs: said with its reason, asked again later, never written down', async () => {
    guests = { kvm: [REFUSED], qemu: [undefined] }
    const probe = newProbe()
    const none = { acceleration: 'qemu', accelerationReason: 'permission denied' }
    expect(await probe.acceleration(signal)).toEqual(none)
    expect(tried).toEqual(['kvm', 'qemu'])
    nowMs += 59_999
    expect(await probe.facts(signal)).toMatchObject(none)
    expect(tried).toHaveLength(2)
    await expect(readFile(join(dir, 'compute/acceleration.json'))).rejects.toThrow()
    // The right was given: known without a reboot and without a restart.
    guests.kvm = [undefined]
    nowMs += 1
    expect(await probe.facts(signal)).toMatchObject(none)
    await until(async () => (await probe.facts(signal)).acceleration === 'kvm')
  })

  test('one time-out on a busy host is not believed: the guest gets more time', async () => {
    guests = { kvm: [SLOW, undefined], qemu: [undefined] }
    expect(await newProbe().acceleration(signal)).toEqual({ acceleration: 'kvm' })
    expect(tried).toEqual(['kvm', 'qemu', 'kvm × 6'])
  })

  test('a probe whose control does not run either says nothing about KVM: no machine is built emulated', async () => {
    guests = { kvm: [REFUSED], qemu: [{ reason: 'no memory', slow: false }] }
    const probe = newProbe()
    await expect(probe.acceleration(signal)).rejects.toMatchObject({ reason: 'AccelerationUnclear' })
    expect((await probe.facts(signal)).accelerationReason).toContain('no memory')
    await expect(probe.acceleration(signal)).rejects.toMatchObject({ reason: 'AccelerationUnclear' })
    expect(tried).toEqual(['kvm', 'qemu'])
    guests = { kvm: [undefined], qemu: [undefined] }
    nowMs += 60_000
    expect(await probe.acceleration(signal)).toEqual({ acceleration: 'kvm' })
  })

  test('asked ever more rarely, and by all at once only once', async () => {
    guests = { kvm: [REFUSED], qemu: [undefined] }
    const probe = newProbe()
    await Promise.all([probe.facts(signal), probe.acceleration(signal), probe.facts(signal)])
    expect(tried).toEqual(['kvm', 'qemu'])
    for (const waitS of [60, 120, 240, 480, 960, 1920, 3600, 3600]) {
      const before = tried.length
      nowMs += waitS * 1000 - 1
      await probe.facts(signal)
      await settled()
      expect(tried).toHaveLength(before)
      nowMs += 1
      await probe.facts(signal)
      for (let i = 0; i < 100 && tried.length < before + 2; i++) await settled()
      expect(tried).toHaveLength(before + 2)
      await settled()
    }
  })

  test('libvirtd away: nothing is learned, and the next one asks', async () => {
    guests = { kvm: [undefined], qemu: [undefined] }
    const probe = new HypervisorProbe({
      tryGuest: async () => undefined,
      readVersion: () => (nowMs++ === 1_000_000 ? Promise.reject(new Error('away')) : Promise.resolve('10.0')),
      bootId: 'boot-1',
      file: join(dir, 'acceleration.json'),
    })
    await expect(probe.facts(signal)).rejects.toThrow('away')
    expect(await probe.acceleration(signal)).toEqual({ acceleration: 'kvm' })
  })
})
