// SPDX-License-Identifier: Apache-2.0
// A console waits for its machine's place, for room, and for the node to hear of it.
import { MOST_CONSOLES } from '../../../lib/contract/documents.ts'
import { saysOf, wellAnswered, type Answer } from '../answers.ts'
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { anew, type WaitRow } from './row.ts'

const where: Where = ['consoleAccesses', ns('look')]

const look = (c: QuietCloud, name = 'look') => c.make('consoleAccesses', name, { instanceRef: { name: 'vm' } })
/** A machine that runs, and whose node has not heard of who may open its console. */
const unheard: Answer = saysOf('instance', (document) => {
  const { facts = {}, ...said } = wellAnswered(document) ?? {}
  return { ...said, facts: { ...facts, consoles: undefined } }
})
const running = async (c: QuietCloud) => {
  c.vm('vm')
  await c.operator.rest()
}

export const CONSOLE_ACCESS_ROWS: WaitRow[] = [
  {
    ...{ reason: 'Provisioning', where },
    waits: async (c) => {
      c.operator.answer = unheard
      await running(c)
      look(c)
    },
    ends: (c) => c.answersAll(),
  },
  { ...{ reason: 'InstanceNotFound', where }, waits: (c) => look(c), ends: (c) => c.vm('vm') },
  {
    ...{ reason: 'InstanceDeleting', where },
    waits: (c) => {
      c.hold('instances', 'vm')
      look(c)
    },
    ends: anew('instances', 'vm', (c) => c.vm('vm')),
  },
  {
    ...{ reason: 'InstanceNotReady', where },
    waits: (c) => {
      c.drop('flavors', 'small')
      c.vm('vm')
      look(c)
    },
    ends: (c) => c.make('flavors', 'small'),
  },
  {
    ...{ reason: 'NodeSilent', where },
    waits: async (c) => {
      await running(c)
      c.operator.silence(c.nodeOf('vm'))
      look(c)
    },
    ends: (c) => c.operator.beat(c.nodeOf('vm')),
  },
  {
    ...{ reason: 'NodeLost', where },
    waits: async (c) => {
      await running(c)
      look(c)
      await c.operator.rest()
      c.set('computeNodes', c.nodeOf('vm'), { lost: 'Confirmed' })
    },
    ends: (c) => c.set('computeNodes', c.nodeOf('vm'), { lost: undefined }),
  },
  {
    ...{ reason: 'TooManyConsoles', where },
    waits: async (c) => {
      await running(c)
      for (let i = 0; i < MOST_CONSOLES; i++) look(c, `other-${i}`)
      await c.operator.rest()
      look(c)
    },
    ends: (c) => c.operator.remove('consoleAccesses', ns('other-3')),
  },
]
