// SPDX-License-Identifier: Apache-2.0
// The container runtimes that kind drives, and which of them answer here.
import { exec } from '../../lib/exec.ts'
import { findProgram } from '../host/prerequisites.ts'

/** By what KIND_EXPERIMENTAL_PROVIDER calls them. Not nerdctl: it cannot connect a running container to a second network. */
export const RUNTIMES = ['docker', 'podman'] as const
export type Runtime = (typeof RUNTIMES)[number]

export interface HostSurvey {
  hasKind: boolean
  /** A client alone is not enough: its daemon has to answer. */
  answering: readonly Runtime[]
}

export async function surveyHost(): Promise<HostSurvey> {
  if (findProgram('kind') === undefined) return { hasKind: false, answering: [] }
  const answers = await Promise.all(RUNTIMES.map(answersHere))
  return { hasKind: true, answering: RUNTIMES.filter((_, i) => answers[i]) }
}

async function answersHere(runtime: Runtime): Promise<boolean> {
  if (findProgram(runtime) === undefined) return false
  return exec([runtime, 'ps', '--quiet'], { timeoutMs: 15_000 }).then(
    () => true,
    () => false,
  )
}
