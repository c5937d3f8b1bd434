// SPDX-License-Identifier: Apache-2.0

/**
 * Text as it may reach a terminal. What stands in objects was written by others: a control character could move the cursor or answer for
 * the user (ECMA-48), and a character of direction could make a line read otherwise (Unicode TR 36). Line breaks and tabs become spaces.
 */
export function terminalText(text: string): string {
  return text.replace(/[\n\t]/g, ' ').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}')
}
