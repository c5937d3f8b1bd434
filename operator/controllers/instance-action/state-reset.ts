// SPDX-License-Identifier: Apache-2.0
// ResetState is the operator's as much as the node's: what the machine's status keeps of failures, and what its node's record does.
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { Caches } from '../../kind/row.ts'
import { findAbsence } from '../../placed/absence.ts'
import type { PlacedDeps } from '../../placed/placed-deps.ts'
import { leftMsOf } from './deadline.ts'
import { finish, finishAs, finishDone, finishLate, type ActionRun } from './ends.ts'
import { instanceKeyOf } from './kind.ts'

type Deps = Pick<PlacedDeps, 'caches' | 'bus'>

export function isStateReset({ spec }: InstanceAction): boolean {
  return spec.type === 'ResetState'
}

/** The one that was given to the machine; of several always the same. @param instanceUID of the machine */
export function findStateReset(
  instanceUID: string,
  { instanceActions }: Pick<Caches, 'instanceActions'>,
): InstanceAction | undefined {
  const running = instanceActions.listBy('running', instanceUID).filter(isStateReset)
  return running.toSorted((a, b) => (a.metadata.uid < b.metadata.uid ? -1 : 1))[0]
}

/** Where a node has a part in it: the machine is on one, which is there. */
export function placeOfReset({ status }: Instance, deps: Deps): { node?: string; epoch?: number } {
  const { node, epoch = 0 } = status ?? {}
  if (node === undefined || findAbsence(node, { held: 'the machine', noun: 'InstanceAction' }, deps)) return {}
  return { node, epoch }
}

/** Done when the machine's status was found anew, and its node has forgotten what failed, if it is still there. */
export function followReset(action: InstanceAction, deps: Deps, run: ActionRun): Outcome {
  const { metadata, status = {} } = action
  const key = instanceKeyOf(action)
  const machine = deps.caches.instances.findByKey(key)
  if (machine?.metadata.uid !== status.instanceUID || !machine)
    return finish(action, 'Failed', { reason: 'InstanceNotFound', message: `Instance ${key} is gone` }, run)
  if (machine.metadata.deletionTimestamp !== undefined)
    return finish(action, 'Failed', { reason: 'InstanceDeleting', message: `Instance ${key} is being deleted` }, run)
  const leftMs = leftMsOf(action, run.now)
  const lasts = (who: string): Outcome =>
    leftMs > 0 ? waitFor('ActionRunning', `waiting for ${who}`, leftMs) : finishLate(action, who, run)
  if (machine.status?.resetByUID !== metadata.uid) return lasts('the operator')
  const { node, epoch } = status
  if (node === undefined) return finishDone(action, doneWithout(machine), run)
  const report = deps.bus.observed.find('instance', machine.metadata.uid, node)
  const said = report?.facts.action?.uid === metadata.uid ? report.facts.action : undefined
  if (said) status.steps = said.steps
  if (said?.result !== undefined) return finishAs(action, said, run)
  // It has left meanwhile, and what failed there concerns it no more.
  if (machine.status.node !== node || (machine.status.epoch ?? 0) !== epoch) return finishDone(action, 'done', run)
  return lasts(`node ${node}`)
}

function doneWithout({ status }: Instance): string {
  const { node } = status ?? {}
  return node === undefined ? 'done' : `done, but for what node ${node} remembers, which was silent`
}
