// SPDX-License-Identifier: Apache-2.0
// What is to be done to a machine waits for its turn, for the machine, and for the node.
import type { Answer } from '../answers.ts'
import { saysOf, wellAnswered } from '../answers.ts'
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { anew, type WaitRow } from './row.ts'

const where: Where = ['instanceActions', ns('again')]
const next = 'Succeeded'

const act = (c: QuietCloud, name = 'again') =>
  c.make('instanceActions', name, { instanceRef: { name: 'vm' }, type: 'Reset' })

/** The node has not begun with what its machine's document asks for. */
const notBegun: Answer = saysOf('instance', (document) => {
  const { facts = {}, ...said } = wellAnswered(document) ?? {}
  return { ...said, facts: { ...facts, action: undefined } }
})
/** A machine that runs, and something that its node has not done yet. */
const begun = async (c: QuietCloud, name = 'again') => {
  c.operator.answer = notBegun
  c.vm('vm')
  await c.operator.rest()
  act(c, name)
}

export const INSTANCE_ACTION_ROWS: WaitRow[] = [
  { ...{ reason: 'ActionRunning', where, next }, waits: (c) => begun(c), ends: (c) => c.answersAll() },
  {
    ...{ reason: 'ActionInProgress', where, next },
    waits: async (c) => {
      await begun(c, 'first')
      await c.operator.rest()
      act(c)
    },
    ends: (c) => c.answersAll(),
  },
  {
    ...{ reason: 'ActionInProgress', where, next, by: 'one that is deleted' },
    waits: async (c) => {
      await begun(c, 'first')
      await c.operator.rest()
      act(c)
    },
    ends: async (c) => {
      c.operator.remove('instanceActions', ns('first'))
      await c.operator.rest()
      c.answersAll()
    },
  },
  {
    ...{ reason: 'NodeSilent', where, next },
    waits: async (c) => {
      await begun(c)
      await c.operator.rest()
      c.operator.silence(c.nodeOf('vm'))
    },
    ends: (c) => {
      c.operator.beat(c.nodeOf('vm'))
      c.answersAll()
    },
  },
  { ...{ reason: 'InstanceNotFound', where, next }, waits: (c) => act(c), ends: (c) => c.vm('vm') },
  {
    ...{ reason: 'InstanceDeleting', where, next },
    waits: (c) => {
      c.hold('instances', 'vm')
      act(c)
    },
    ends: anew('instances', 'vm', (c) => c.vm('vm')),
  },
]
