// SPDX-License-Identifier: Apache-2.0
// The table "Scenarios" of docs/testing.md, read as data.
import { asWords } from './api-kinds.ts'

export const SCENARIOS = [
  'create-minimal',
  'create-full',
  'update',
  'delete',
  'dependency',
  'adopt',
  'refused',
  'agent-restart',
  'node-lost',
] as const

export interface ScenarioCell {
  /** As in paths: `security-group`. */
  kind: string
  scenario: string
  /** The file that has it, below e2e/ and without `.test.ts`; undefined where it does not apply. */
  file: string | undefined
  /** Number of the note that says why it does not apply. */
  note: number | undefined
}

const NOTES = '¹²³⁴⁵⁶⁷⁸⁹'

/** @throws for a cell that is neither ✓, a file nor – with a note */
export function readScenarios(page: string): ScenarioCell[] {
  const lines = page.split('\n').map((line) => line.split('|').map((cell) => cell.trim()))
  const start = lines.findIndex((cells) => cells[1] === 'kind' && cells[2] === SCENARIOS[0])
  const rows = lines.slice(start + 2)
  return rows
    .slice(
      0,
      rows.findIndex((cells) => cells.length < 3),
    )
    .flatMap(([, name = '', ...cells]) => {
      const kind = toFolder(name)
      return SCENARIOS.map((scenario, i) => ({ kind, scenario, ...readCell(cells[i] ?? '', kind, scenario) }))
    })
}

function readCell(text: string, kind: string, scenario: string): Pick<ScenarioCell, 'file' | 'note'> {
  if (text === '✓') return { file: `${kind}/${scenario}`, note: undefined }
  const path = /^`([\w/-]+)`$/.exec(text)?.[1]
  if (path !== undefined) return { file: path, note: undefined }
  if (/^[a-z-]+$/.test(text)) return { file: `${kind}/${text}`, note: undefined }
  const mark = /^– (.)$/.exec(text)?.[1]
  if (mark !== undefined && NOTES.includes(mark)) return { file: undefined, note: NOTES.indexOf(mark) + 1 }
  throw new Error(`${kind} ${scenario}: ${JSON.stringify(text)}`)
}

/** `IPClaim` gives `ip-claim`, `QoSPolicy` `qos-policy`. */
export function toFolder(kind: string): string {
  return asWords(kind)
    .replaceAll(/([a-z])(?=[A-Z])|([A-Z])(?=[A-Z][a-z])/g, '$&-')
    .toLowerCase()
}
