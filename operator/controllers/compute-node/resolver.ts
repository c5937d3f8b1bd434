// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../../lib/api/types.ts'
import { findCondition, setCondition, type ConditionUpdate } from '../../../lib/conditions.ts'
import type { Inventory, ResolverState } from '../../../lib/contract/documents.ts'
import type { Run } from '../../../lib/loop/controller.ts'

const RESOLVER_READY = 'ResolverReady'
/** Kept below the limit of an Event's note. */
const MOST_CHARACTERS = 1000

type Verdict = Omit<ConditionUpdate, 'type'>

/**
 * Sets a condition that says which name servers the node's resolver asks, and whether they answer, with an Event when none does, or it does not run. It keeps no
 * machine from the node: names of machines are found without them. Sets none before the node has said.
 */
export function showResolver(
  computeNode: ComputeNode,
  inventory: Inventory | undefined,
  run: Pick<Run, 'now' | 'event'>,
): void {
  if (!inventory?.resolver) return
  const status = (computeNode.status ??= {})
  const before = findCondition(status.conditions, RESOLVER_READY)
  const update = judgeResolver(inventory.resolver)
  const { generation } = computeNode.metadata
  status.conditions = setCondition(status.conditions, { type: RESOLVER_READY, ...update }, generation, run.now)
  const { reason, message } = update
  if (update.status === 'False' && before?.status !== 'False')
    run.event({ type: 'Warning', reason, action: 'Watch', note: message.slice(0, MOST_CHARACTERS) })
}

/** The worst of what is found, and the messages of all that are not well. Pure. */
export function judgeResolver({ from, upstreams, ofProviderNetworks = [], awaySince }: ResolverState): Verdict {
  if (awaySince !== undefined) return away(awaySince)
  const whose = from === 'cloud' ? 'of the Cloud (spec.dns.upstreams)' : "of the node's /etc/resolv.conf"
  const verdicts = [
    upstreams.length === 0 ? noneOf(whose) : judgeServers(upstreams, whose, 'its guests find'),
    // Who wrote an empty list wants that nobody is asked.
    ...ofProviderNetworks.flatMap(({ providerNetwork: name, upstreams: own }) =>
      own.length === 0
        ? []
        : judgeServers(own, `of ProviderNetwork ${name} (spec.dns.upstreams)`, 'its guests on that find'),
    ),
  ]
  const worst = verdicts.reduce((a, b) => (severityOf(b) > severityOf(a) ? b : a))
  const told = severityOf(worst) === 0 ? verdicts : verdicts.filter((one) => severityOf(one) > 0)
  return { ...worst, message: told.map(({ message }) => message).join('. ') }
}

function severityOf({ status, reason }: Verdict): number {
  if (status === 'False') return 2
  return reason === 'SomeUpstreamsSilent' ? 1 : 0
}

function away(since: string): Verdict {
  const what = `its guests find no names outside: no resolver has run there since ${since}`
  const help = 'Look at its pod of DaemonSet nephele-resolver, or at its unit where the agent runs on the host'
  return { status: 'False', reason: 'ResolverAway', message: `${what}. ${help}` }
}

function noneOf(whose: string): Verdict {
  const what = `its guests find no names outside: there is no name server ${whose}`
  return { status: 'False', reason: 'NoUpstreams', message: `${what}. Name some in spec.dns.upstreams of the Cloud` }
}

function judgeServers(upstreams: ResolverState['upstreams'], whose: string, find: string): Verdict {
  const silent = upstreams.filter(({ error }) => error !== undefined)
  const well = upstreams.filter(({ error }) => error === undefined).map(({ address }) => address)
  const why = silent.map(({ address, since, error }) => `${address} not since ${since} (${error})`).join(', ')
  const asks = `asks the name servers ${whose}`
  if (silent.length === 0)
    return { status: 'True', reason: 'UpstreamsAnswer', message: `${asks}, which answer: ${well.join(', ')}` }
  if (well.length > 0)
    return { status: 'True', reason: 'SomeUpstreamsSilent', message: `${asks}: ${well.join(', ')} answers, ${why}` }
  const what = `${find} no names outside: it ${asks}, and none answers: ${why}`
  const help = 'See that they run and that the node reaches their port 53'
  return { status: 'False', reason: 'UpstreamNotAnswering', message: `${what}. ${help}` }
}
