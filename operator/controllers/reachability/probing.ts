// SPDX-License-Identifier: Apache-2.0
// A probe's way: a node is chosen and written down, told by a document, and asked what came back; then it lets go of the document.
import type { Reachability } from '../../../lib/api/types.ts'
import { saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { Found } from '../../kind/found.ts'
import { findAbsence } from '../../placed/absence.ts'
import { nextEpoch } from '../../placed/next-epoch.ts'
import { answerOf, askedOf } from '../../placed/observed-facts.ts'
import { releaseFrom } from '../../placed/release.ts'
import { failureOf, refusalOf } from '../../placed/trouble.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { planProbe, probeDocument, type PlanDeps } from './document.ts'
import { probeOf, unsentProbe } from './probe-words.ts'
import type { Question } from './question.ts'

type Waiting = Extract<Outcome, { kind: 'wait' }>
export type ProbingDeps = Pick<OperatorDeps, 'bus' | 'caches' | 'regression' | 'releases' | 'writer'> & PlanDeps

/** At one time. A node sends no more than four, of which a namespace has half (agents/runtime/slot-plan.ts): the rest would wait there. */
const MOST_OF_NAMESPACE = 2
const MOST_OF_NODE = 8

/** What it waits for before it may be sent. */
export function findProbeLimit(reachability: Reachability, question: Question, deps: ProbingDeps): Outcome | undefined {
  const { metadata, spec, status } = reachability
  if (spec.verify !== true || status?.node !== undefined) return undefined
  const plan = planProbe(question, reachability, deps)
  if (plan.unsent !== undefined) return undefined
  const [{ namespace = '' }, { reachabilities }] = [metadata, deps.caches]
  const inNamespace = reachabilities.listBy('probing', namespace).length
  if (inNamespace >= MOST_OF_NAMESPACE)
    return waitFor('ProbeLimit', `namespace ${namespace} has ${inNamespace} probes under way: waiting for one of them`)
  const onNode = reachabilities.listBy('node', plan.node).length
  if (onNode < MOST_OF_NODE) return undefined
  return waitFor('ProbeLimit', `node ${plan.node} has ${onNode} probes under way: waiting for one of them`)
}

/**
 * For a question that has its answer from the network: the node that sends the probe, which has to be written down before that hears of it.
 * @returns undefined when there is none to send, for which `status.probe` has the reason
 */
export function placeProbe(reachability: Reachability, question: Question, deps: ProbingDeps): Outcome | undefined {
  const status = (reachability.status ??= {})
  const plan = planProbe(question, reachability, deps)
  const unsent = plan.unsent ?? absenceOf(plan.node, deps)?.message
  if (plan.unsent !== undefined || unsent !== undefined) {
    status.probe = unsentProbe(unsent ?? '')
    return undefined
  }
  const { node } = plan
  const { uid } = reachability.metadata
  Object.assign(status, { node, epoch: nextEpoch({ kind: 'probe', uid, node }, status.epoch, deps) })
  return saved
}

/**
 * Of a probe that a node has. What the node was told stays: another document would be another packet.
 * @returns what it waits for; undefined: `status.probe` has what came back
 */
export async function followProbe(
  reachability: Reachability,
  resolve: () => Found<Question>,
  deps: ProbingDeps,
): Promise<Outcome | undefined> {
  const status = (reachability.status ??= {})
  const { node = '', epoch = 0 } = status
  const { uid } = reachability.metadata
  const regressed = deps.regression.check(reachability, { kind: 'probe', node, epoch }, deps.writer())
  if (regressed) return regressed
  const report = deps.bus.observed.find('probe', uid, node)
  const answer = answerOf(report, askedOf(reachability, epoch, deps.writer()))
  if (answer?.state === 'done' && answer.facts.probeAnswer) {
    status.probe = probeOf(answer.facts.probeAnswer, node, reachability)
    return undefined
  }
  const refusal = refusalOf(answer, { reason: 'Refused', message: `node ${node} refused the probe` })
  if (refusal) {
    status.probe = unsentProbe(refusal.message, node)
    return undefined
  }
  const told = deps.bus.desired.find(node, 'probe', uid)
  if (told?.tombstone !== false || told.versions.epoch < epoch) {
    const question = resolve()
    if (!question.ok) return question.outcome
    const plan = planProbe(question.object, reachability, deps)
    if (plan.unsent !== undefined || plan.node !== node) {
      status.probe = unsentProbe(plan.unsent ?? `the machine has left node ${node}`)
      return undefined
    }
    await deps.bus.desired.publish(probeDocument(reachability, plan, deps.writer()))
  }
  const failure = failureOf(answer, { reason: 'ProbeFailed', message: `node ${node} is trying again` })
  return absenceOf(node, deps) ?? failure ?? waitFor('Probing', `waiting for what node ${node} hears`)
}

/** @returns what the release waits for */
export async function releaseProbe(reachability: Reachability, deps: ProbingDeps): Promise<Outcome | undefined> {
  const { status } = reachability
  if (status?.node === undefined) return undefined
  const { node, epoch = 0 } = status
  const waiting = await releaseFrom({ kind: 'probe', object: reachability, node, epoch }, deps)
  if (!waiting) delete status.node
  return waiting
}

function absenceOf(node: string, deps: ProbingDeps): Waiting | undefined {
  const absent = findAbsence(node, { held: 'the sender', noun: 'Reachability' }, deps)
  return absent?.kind === 'wait' ? absent : undefined
}
