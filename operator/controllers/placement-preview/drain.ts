// SPDX-License-Identifier: Apache-2.0
// Where the machines of one node would go if it had to give them all up.
import type { ComputeNode, Instance, PlacementPreview } from '../../../lib/api/types.ts'
import { isTerminal } from '../../../lib/errors.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { clip } from '../../scheduler/explanation.ts'
import type { Trial } from '../../scheduler/scheduler.ts'
import type { InstanceDeps, InstanceRun } from '../instance/deps.ts'
import { whyNotEvacuated } from '../instance/evacuation.ts'
import { DEFAULT_LIMIT, placeOne, toPlacements } from './judge-all.ts'
import type { Pace } from './pace.ts'
import { questionOf, withoutPlace, type Question } from './question.ts'

type Status = NonNullable<PlacementPreview['status']>
type Machine = NonNullable<Status['machines']>[number]
type Answer = Pick<Status, 'fits' | 'instances' | 'unjudged' | 'placements' | 'machines'>

const MOST_CHARACTERS = 512

export function findNode(name: string, { caches }: Pick<InstanceDeps, 'caches'>): Found<ComputeNode> {
  const node = caches.computeNodes.find(undefined, name)
  if (node) return found(node)
  return missing('NodeNotFound', `no ComputeNode has the name ${name} of spec.drainNode`)
}

/** All its machines leave it first, then one after the other is placed, in the order of their names: by the rules of a placement. */
export async function judgeDrain(
  computeNode: ComputeNode,
  trial: Trial,
  { limit = DEFAULT_LIMIT }: Pick<PlacementPreview['spec'], 'limit'>,
  { deps, run, pace }: { deps: InstanceDeps; run: InstanceRun; pace: Pick<Pace, 'next'> },
): Promise<Answer> {
  const { name } = computeNode.metadata
  const machines = listMachines(name, deps)
  for (const { metadata } of machines) trial.forget(metadata.uid)
  const on = new Map<string, number>()
  const judged: Machine[] = []
  for (const instance of machines) {
    if (!(await pace.next())) break
    const placed = await placeElsewhere(instance, name, trial, deps, run)
    if ('node' in placed) on.set(placed.node, (on.get(placed.node) ?? 0) + 1)
    const evacuable = whyNotEvacuated(instance, computeNode, deps.writer()) === undefined
    const { namespace = '', name: machine } = instance.metadata
    judged.push({ namespace, name: machine, ...placed, evacuable })
  }
  const staying = judged.filter(({ node }) => node === undefined)
  const unjudged = machines.length - judged.length
  return {
    ...{ instances: machines.length, fits: judged.length - staying.length, ...(unjudged > 0 ? { unjudged } : {}) },
    placements: toPlacements(on, limit),
    machines: [...staying, ...judged.filter(({ node }) => node !== undefined)].slice(0, limit),
  }
}

function listMachines(node: string, { caches }: Pick<InstanceDeps, 'caches'>): Instance[] {
  const there = caches.instances.listBy('node', node).filter(({ status }) => status?.node === node)
  return there.sort((a, b) => (keyOfObject(a) < keyOfObject(b) ? -1 : 1))
}

async function placeElsewhere(
  instance: Instance,
  node: string,
  trial: Trial,
  deps: InstanceDeps,
  run: InstanceRun,
): Promise<{ node: string } | { message: string }> {
  try {
    const question = await questionOf(withoutPlace(instance), trial, deps, run)
    if (!question.ok) return { message: question.outcome.kind === 'wait' ? shorten(question.outcome.message) : '' }
    const choice = placeOne(instance.metadata.uid, withoutNode(question.object, node), trial)
    return choice.ok ? { node: choice.node } : { message: shorten(choice.why) }
  } catch (error) {
    if (isTerminal(error)) return { message: shorten(error.message) }
    throw error
  }
}

function withoutNode({ attempts }: Question, node: string): Pick<Question, 'attempts'> {
  return {
    attempts: attempts.map(({ request, policy }) => {
      const excluded = new Map(request.excluded).set(node, 'is the one that is drained')
      return { request: { ...request, excluded }, policy }
    }),
  }
}

function shorten(text: string): string {
  return clip(text, MOST_CHARACTERS)
}
