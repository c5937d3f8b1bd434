// SPDX-License-Identifier: Apache-2.0
import type { PlacementPreview } from '../../../lib/api/types.ts'
import { describeShortage } from '../../quota/ask.ts'
import { lackOf, NOTHING, sum } from '../../quota/amounts.ts'
import type { Choice } from '../../scheduler/decision.ts'
import type { NodeVerdict } from '../../scheduler/compare-nodes.ts'
import type { Trial } from '../../scheduler/scheduler.ts'
import { toStatus } from '../instance/schedule.ts'
import type { Pace } from './pace.ts'
import type { Question } from './question.ts'

type Status = NonNullable<PlacementPreview['status']>
type Answer = Pick<Status, 'fits' | 'instances' | 'overQuota' | 'unjudged' | 'placements' | 'scheduling' | 'nodes'>
type Asked = Pick<PlacementPreview['spec'], 'count' | 'detailed' | 'ignoreQuota' | 'limit'>

export const DEFAULT_LIMIT = 10

/** Places one machine after the other in the trial, until one gets no place: all that follow are its equals, and get none either. */
export async function judgeAll(
  question: Question,
  trial: Trial,
  asked: Asked,
  pace: Pick<Pace, 'next'>,
): Promise<Answer> {
  const { count = 1, detailed = false, ignoreQuota = false, limit = DEFAULT_LIMIT } = asked
  const { uid, needs, project } = question
  const on = new Map<string, number>()
  const answer: Answer = { fits: 0, instances: count }
  let nodes: NodeVerdict[] = []
  let taken = NOTHING
  for (let i = 0; i < count; i++) {
    const machine = i === 0 ? uid : `${uid}/${i}`
    const shortage = ignoreQuota ? undefined : project.lacks(machine, needs, taken)
    if (shortage) {
      answer.overQuota = describeShortage(shortage, 'one more would wait until there is room')
      break
    }
    if (!(await pace.next())) {
      answer.unjudged = count - i
      break
    }
    trial.forget(machine)
    const before = detailed && i === 0 ? compareFor(machine, question, trial, limit) : nodes
    const choice = placeOne(machine, question, trial)
    if (i === 0 || !choice.ok) answer.scheduling = toStatus(choice.explanation)
    nodes = detailed && !choice.ok ? compareFor(machine, question, trial, limit) : before
    if (!choice.ok) break
    on.set(choice.node, (on.get(choice.node) ?? 0) + 1)
    taken = sum(taken, i === 0 ? lackOf(needs, project.own(uid)) : needs)
    answer.fits = i + 1
  }
  answer.placements = toPlacements(on, limit)
  if (detailed) answer.nodes = nodes.map((verdict) => toNode(verdict, on.get(verdict.node)))
  return answer
}

/** As a placement does it: with each size until one fits. */
export function placeOne(uid: string, { attempts }: Pick<Question, 'attempts'>, trial: Trial): Choice {
  let choice: Choice | undefined
  for (const { request, policy } of attempts) {
    choice = trial.place({ ...request, uid }, policy)
    if (choice.ok) break
  }
  if (!choice) throw new Error('a machine without a size')
  return choice
}

/** With the size that it would be placed with. */
function compareFor(uid: string, { attempts }: Question, trial: Trial, limit: number): NodeVerdict[] {
  let verdicts: NodeVerdict[] = []
  for (const { request, policy } of attempts) {
    verdicts = trial.compare({ ...request, uid }, limit, policy)
    if (verdicts[0]?.score !== undefined) break
  }
  return verdicts
}

export function toPlacements(on: ReadonlyMap<string, number>, limit: number): NonNullable<Answer['placements']> {
  const all = [...on].map(([node, instances]) => ({ node, instances }))
  return all.sort((a, b) => b.instances - a.instances || (a.node < b.node ? -1 : 1)).slice(0, limit)
}

function toNode({ node, ...verdict }: NodeVerdict, instances = 0): NonNullable<Answer['nodes']>[number] {
  return { name: node, ...(instances > 0 ? { instances } : {}), ...verdict }
}
