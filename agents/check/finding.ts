// SPDX-License-Identifier: Apache-2.0

/** `missing`: something will not work; `warning`: it works, but worse than it could, or not in every case. */
export type Level = 'ok' | 'warning' | 'missing'

/** What was found of one prerequisite of a node (docs/node-prerequisites.md). */
export interface Finding {
  level: Level
  /** In a sentence, without a full stop. */
  says: string
  /** What to do; of all that is not ok. */
  help?: string
}

export const ok = (says: string): Finding => ({ level: 'ok', says })
export const warning = (says: string, help: string): Finding => ({ level: 'warning', says, help })
export const missing = (says: string, help: string): Finding => ({ level: 'missing', says, help })

const TITLES: Readonly<Record<Level, string>> = { ok: 'ok      ', warning: 'warning ', missing: 'MISSING ' }

/** A line each, for a person. Pure. */
export function toLines(findings: readonly Finding[]): string[] {
  return findings.map(({ level, says, help }) => `${TITLES[level]} ${says}${help === undefined ? '' : `: ${help}`}`)
}
