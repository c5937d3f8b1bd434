// SPDX-License-Identifier: Apache-2.0
import { RUNTIMES, surveyHost, type HostSurvey, type Runtime } from './runtime.ts'

export type ClusterChoice = { on: 'kind'; runtime: Runtime; why: string } | { on: 'local'; why: string }

/** What the environment says: both may be absent. */
export interface Wishes {
  /** `NEPHELE_E2E_CLUSTER`: kind or local. */
  cluster?: string | undefined
  /** `KIND_EXPERIMENTAL_PROVIDER`: which runtime kind is to drive. */
  provider?: string | undefined
}

/**
 * Where the cluster lane runs: what is asked for, else on kind where kind and a runtime are, else on local/cluster. Pure.
 * @throws when kind is asked for and cannot run
 */
export function chooseCluster(wishes: Wishes, host: HostSurvey): ClusterChoice {
  const wanted = wishes.cluster ?? ''
  if (!['', 'kind', 'local'].includes(wanted)) throw new Error(`NEPHELE_E2E_CLUSTER is "${wanted}": kind or local`)
  if (wanted === 'local') return { on: 'local', why: 'NEPHELE_E2E_CLUSTER=local' }
  const runtime = chooseRuntime(wishes.provider, host)
  if (typeof runtime === 'object') {
    if (wanted === 'kind') throw new Error(`NEPHELE_E2E_CLUSTER=kind, but ${runtime.lacks}`)
    return { on: 'local', why: runtime.lacks }
  }
  return { on: 'kind', runtime, why: wanted === 'kind' ? 'NEPHELE_E2E_CLUSTER=kind' : `kind and ${runtime} are here` }
}

/** What NEPHELE_E2E_CLUSTER and KIND_EXPERIMENTAL_PROVIDER say, and what is on this machine. */
export async function chooseHere(cluster = process.env['NEPHELE_E2E_CLUSTER']): Promise<ClusterChoice> {
  return chooseCluster({ cluster, provider: process.env['KIND_EXPERIMENTAL_PROVIDER'] }, await surveyHost())
}

function chooseRuntime(provider: string | undefined, { hasKind, answering }: HostSurvey): Runtime | { lacks: string } {
  if (!hasKind) return { lacks: 'there is no program kind' }
  if (provider === undefined || provider === '')
    return answering[0] ?? { lacks: `no container runtime answers (${RUNTIMES.join(', ')})` }
  return (
    answering.find((runtime) => runtime === provider) ?? { lacks: `${provider} does not answer or is not used here` }
  )
}
