// SPDX-License-Identifier: Apache-2.0

/** How far the end of a control string is looked for: beyond that it is none, and shown as text. */
const MOST_STRING = 256
// Every part is bounded, and no two of them take the same sign: the time grows with the text, whatever a guest prints.
const ESCAPES = new RegExp(
  [
    // ECMA-48, 5.4: control sequences
    '\\u001b\\[[0-?]{0,64}[ -/]{0,8}[@-~]?',
    // 5.6: control strings, such as a window's title
    `\\u001b[\\]PX^_][^\\u0007\\u001b\\u009c]{0,${MOST_STRING}}(?:\\u0007|\\u001b\\\\\\\\|\\u009c)?`,
    '\\u001b[ -/]{0,8}[0-~]?',
  ].join('|'),
  'g',
)
/** What is no text, but for tab and line feed: controls, and what turns the order of signs or has no width. */
const NO_TEXT = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/**
 * What a guest has printed, for a person's terminal: lines of text, of which nothing moves the cursor, colours, renames the window or answers
 * for the person. Pure, in a time that grows with the text.
 */
export function toPlainText(bytes: Buffer): string {
  return bytes.toString('utf8').replaceAll(ESCAPES, '').replaceAll(/\r\n?/g, '\n').replaceAll(NO_TEXT, '')
}
