// SPDX-License-Identifier: Apache-2.0
// The tables of docs/monitoring.md: which metrics there are, and which alerts.
import type { ExportedMetric, ProcessName } from './exported-metrics.ts'
import type { Alert } from './alerts.ts'

const TITLES: Record<ProcessName, string> = {
  operator: 'Of the operator',
  agent: 'Of each agent',
  console: 'Of the console process',
}

/** Pure: the page with what stands between its markers made anew. @throws where a marker is missing */
export function renderPage(
  page: string,
  metrics: Record<ProcessName, readonly ExportedMetric[]>,
  alerts: readonly Alert[],
): string {
  const tables = Object.entries(metrics).map(
    ([process, ofProcess]) => `### ${TITLES[process as ProcessName]}\n\n${metricTable(ofProcess)}`,
  )
  return replaceBetween(replaceBetween(page, 'metrics', tables.join('\n\n')), 'alerts', alertTable(alerts))
}

function replaceBetween(page: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name}: made by scripts/monitoring/write-page.ts -->`, `<!-- end of ${name} -->`]
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/monitoring.md has no place for ${name}`)
  return `${page.slice(0, from)}${begin}\n\n${content}\n\n${page.slice(to)}`
}

function metricTable(metrics: readonly ExportedMetric[]): string {
  return table(
    ['metric', 'type', 'labels', 'what it says'],
    metrics.map(({ name, type, labels, help }) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(', '),
      help,
    ]),
  )
}

function alertTable(alerts: readonly Alert[]): string {
  return table(
    ['alert', 'severity', 'fires after', 'what it says'],
    alerts.map(({ alert, labels, annotations, for: patience = '' }) => [
      `[${alert}](runbooks/${alert}.md)`,
      labels.severity,
      patience,
      annotations.summary.replace(/\{\{ \$labels\.(\w+) \}\}/g, '_$1_'),
    ]),
  )
}

/** As prettier aligns it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - cell.length)).join(' | ')} |`
  const rule = line(widths.map((width) => '-'.repeat(width)))
  return [line(cells[0] ?? []), rule, ...cells.slice(1).map(line)].join('\n')
}
