// SPDX-License-Identifier: Apache-2.0

/** One figure of a benchmark; printed as one JSON line. */
export interface Figure {
  bench: string
  metric: string
  value: number
  unit: string
  /** Samples, or objects, that the value stands for. */
  n: number
  /** What it is held against, measured in the same run where it can be; null where there is none. */
  peer: string | null
  peerValue: number | null
  ratio: number | null
  /** The bound, in words that a reader can check, and whether it holds; null where the figure is told only. */
  target: string | null
  pass: boolean | null
}

export interface FigureInput {
  bench: string
  metric: string
  value: number
  unit: string
  n: number
  peer?: { name: string; value: number }
  target?: { text: string; pass: boolean }
}

const round = (value: number) => (Number.isInteger(value) ? value : Number(value.toPrecision(4)))

export function toFigure(input: FigureInput): Figure {
  return {
    bench: input.bench,
    metric: input.metric,
    value: round(input.value),
    unit: input.unit,
    n: input.n,
    peer: input.peer?.name ?? null,
    peerValue: input.peer ? round(input.peer.value) : null,
    ratio: input.peer && input.peer.value !== 0 ? round(input.value / input.peer.value) : null,
    target: input.target?.text ?? null,
    pass: input.target?.pass ?? null,
  }
}

/** The table for people. */
export function toTable(figures: readonly Figure[]): string {
  const rows = [['metric', 'value', 'unit', 'n', 'peer', 'peer value', 'ratio', 'target', 'pass']]
  for (const f of figures) {
    const pass = f.pass === null ? '-' : f.pass ? 'yes' : 'NO'
    rows.push([
      f.metric,
      `${f.value}`,
      f.unit,
      `${f.n}`,
      f.peer ?? '-',
      `${f.peerValue ?? '-'}`,
      `${f.ratio ?? '-'}`,
      f.target ?? '-',
      pass,
    ])
  }
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** The q-quantile (0 … 1) by linear interpolation; NaN of nothing. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const low = sorted[Math.floor(at)] ?? NaN
  const high = sorted[Math.ceil(at)] ?? NaN
  return low + (high - low) * (at - Math.floor(at))
}

export const median = (samples: readonly number[]) => quantile(samples, 0.5)
