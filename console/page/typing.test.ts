// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { typeText } from './typing.ts'

/** Key events wait in a queue that the guest gets one of every 10 ms; what does not fit is lost. */
class Qemu {
  nowMs = 0
  lost = 0
  pressed: number[] = []
  #entries = 0
  #drainedMs = 0
  readonly #entriesAnEvent = 3

  sendKey(keysym: number, code: string, down?: boolean): void {
    if (down === undefined) {
      this.sendKey(keysym, code, true)
      this.sendKey(keysym, code, false)
      return
    }
    const drained = Math.floor((this.nowMs - this.#drainedMs) / 10)
    this.#drainedMs += drained * 10
    this.#entries = Math.max(0, this.#entries - drained * this.#entriesAnEvent)
    if (this.#entries + this.#entriesAnEvent > 1024) this.lost++
    else this.#entries += this.#entriesAnEvent
    if (down && code !== 'ShiftLeft') this.pressed.push(keysym)
  }
  sleep = async (ms: number): Promise<void> => void (this.nowMs += ms)
}

test('QEMU loses nothing of a long text', async () => {
  const qemu = new Qemu()
  const text = 'aB|'.repeat(1000)
  await typeText(text, qemu, { sleep: qemu.sleep, isOver: () => false })
  expect([qemu.lost, String.fromCharCode(...qemu.pressed)]).toEqual([0, text])
  const hasty = new Qemu()
  await typeText(text, hasty, { sleep: async () => undefined, isOver: () => false })
  expect(hasty.lost).toBeGreaterThan(0)
})

test('it stops when the screen is closed', async () => {
  const qemu = new Qemu()
  await typeText('abcdef', qemu, { sleep: qemu.sleep, isOver: () => qemu.pressed.length === 2 })
  expect(String.fromCharCode(...qemu.pressed)).toBe('ab')
})
