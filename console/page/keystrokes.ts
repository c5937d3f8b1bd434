// SPDX-License-Identifier: Apache-2.0

export interface Keystroke {
  /** X11's number of the sign: https://www.x.org/releases/X11R7.7/doc/xproto/x11protocol.html#keysym_encoding */
  keysym: number
  /** The key that has it, by the UI Events standard: QEMU is told this one, and its guest has a layout of its own. */
  code: string
  shifted: boolean
}

/** Signs of a key without and with Shift, on a keyboard of the USA, which firmware and installers have. */
const KEYS: readonly (readonly [string, string])[] = [
  ...Array.from(
    'abcdefghijklmnopqrstuvwxyz',
    (sign) => [`Key${sign.toUpperCase()}`, sign + sign.toUpperCase()] as const,
  ),
  ...Array.from(')!@#$%^&*(', (sign, i) => [`Digit${i}`, `${i}${sign}`] as const),
  ['Space', ' '],
  ['Tab', '\t'],
  ['Enter', '\n'],
  ['Minus', '-_'],
  ['Equal', '=+'],
  ['BracketLeft', '[{'],
  ['BracketRight', ']}'],
  ['Backslash', '\\|'],
  ['Semicolon', ';:'],
  ['Quote', '\'"'],
  ['Backquote', '`~'],
  ['Comma', ',<'],
  ['Period', '.>'],
  ['Slash', '/?'],
]
const BY_SIGN = new Map(
  KEYS.flatMap(([code, signs]) => Array.from(signs, (sign, i) => [sign, { code, shifted: i === 1 }] as const)),
)
/** X11's numbers of signs that are none of Latin 1. */
const KEYSYMS: Readonly<Record<string, number>> = { '\t': 0xff09, '\n': 0xff0d }

/** The keys that type this text; signs that the keyboard has not are left out. Pure. */
export function toKeystrokes(text: string): Keystroke[] {
  return Array.from(text.replaceAll(/\r\n?/g, '\n')).flatMap((sign) => {
    const key = BY_SIGN.get(sign)
    return key ? [{ keysym: KEYSYMS[sign] ?? sign.charCodeAt(0), ...key }] : []
  })
}
