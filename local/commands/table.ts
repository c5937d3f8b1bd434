// SPDX-License-Identifier: Apache-2.0

/** Lines with columns as wide as their widest cell; a column in which no row has anything is left out with its title. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const columns = titles.map((_, i) => i).filter((i) => rows.some((row) => row[i]))
  const lines = [titles, ...rows]
  const width = (i: number) => Math.max(...lines.map((line) => line[i]?.length ?? 0))
  const widths = columns.map(width)
  return lines.map((line) =>
    columns
      .map((i, at) => (line[i] || '-').padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
