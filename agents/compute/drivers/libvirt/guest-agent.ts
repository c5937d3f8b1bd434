// SPDX-License-Identifier: Apache-2.0
// Calls that the agent in the guest has to answer, which the guest may never do: root in it decides.
import type { DomainCalls } from '../../../../lib/libvirt/domain-calls.ts'
import type { ArgsOf, Procedures, ResultOf } from '../../../../lib/libvirt/procedures.ts'
import type { FoundDomain } from './domains.ts'

export type AgentCalls = Pick<DomainCalls, 'call'>
export type Guest = Pick<FoundDomain, 'ref'> & Partial<Pick<FoundDomain, 'mark'>>
type AgentCall = 'fsFreeze' | 'fsThaw' | 'setUserPassword'

/** libvirt gives up waiting for the answer then; the agent may do it all the same. */
const ANSWER_SECONDS = 20
/** Before, libvirt asks twice whether the agent is there, and waits 5 s each time. */
const CALL_MS = 35_000

/** Has libvirt wait for no answer of this guest's agent for ever, which is how it begins: a worker of libvirtd would be taken for ever. */
export async function limitAgent(calls: AgentCalls, guest: Guest, signal: AbortSignal): Promise<void> {
  const limit = { domain: guest.ref, timeout: ANSWER_SECONDS, flags: 0 }
  await calls.call('agentSetResponseTimeout', limit, signal, CALL_MS, groupOf(guest))
}

/** One whose time cannot be limited is not asked. */
export async function askAgent<N extends AgentCall>(
  calls: AgentCalls,
  guest: Guest,
  name: N,
  args: Omit<ArgsOf<Procedures[N]>, 'domain'>,
  signal: AbortSignal,
): Promise<ResultOf<Procedures[N]>> {
  await limitAgent(calls, guest, signal)
  const whole = { ...args, domain: guest.ref } as unknown as ArgsOf<Procedures[N]>
  return calls.call(name, whole, signal, CALL_MS, groupOf(guest))
}

function groupOf({ mark }: Guest): { group: string } {
  return { group: mark?.namespace ?? '' }
}
