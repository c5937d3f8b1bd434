// SPDX-License-Identifier: Apache-2.0
import { toKeystrokes } from './keystrokes.ts'

/** Of one paste: it takes two to three minutes. */
export const MOST_SIGNS = 4096
/**
 * QEMU hands its guest a key event every 10 ms, keeps 1024 entries that wait, some for each event, and drops what comes then:
 * https://gitlab.com/qemu-project/qemu/-/blob/v10.0.0/ui/input.c and ui/vnc.c, `key-delay-ms`. Half as much again for clocks that differ.
 */
const EVENT_MS = 15
/** The name of its own key, which noVNC sends beside the sign. */
const SHIFT = { keysym: 0xffe1, code: 'ShiftLeft' }

interface Keyboard {
  /** @param down absent: pressed and released */
  sendKey(keysym: number, code: string, down?: boolean): void
}

/** Types it as fast as QEMU takes it, until `isOver`. */
export async function typeText(
  text: string,
  keyboard: Keyboard,
  { sleep, isOver }: { sleep: (ms: number) => Promise<void>; isOver: () => boolean },
): Promise<void> {
  for (const { keysym, code, shifted } of toKeystrokes(text)) {
    if (isOver()) return
    if (shifted) keyboard.sendKey(SHIFT.keysym, SHIFT.code, true)
    keyboard.sendKey(keysym, code)
    if (shifted) keyboard.sendKey(SHIFT.keysym, SHIFT.code, false)
    await sleep((shifted ? 4 : 2) * EVENT_MS)
  }
}
