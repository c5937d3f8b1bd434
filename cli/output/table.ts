// SPDX-License-Identifier: Apache-2.0
import { terminalText } from './terminal-text.ts'

/** Lines with columns as wide as their widest cell, three spaces apart, as kubectl's. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const lines = [titles, ...rows].map((line) => line.map((cell) => terminalText(cell) || '-'))
  const widths = titles.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)))
  return lines.map((line) =>
    line
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('   ')
      .trimEnd(),
  )
}
