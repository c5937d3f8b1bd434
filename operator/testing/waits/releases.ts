// SPDX-License-Identifier: Apache-2.0
// An object being deleted stays until its node has released it. Those of machines are in machine-places.ts.
import { without } from '../answers.ts'
import { ns } from '../quiet-cloud.ts'
import { port, vm, type WaitRow } from './row.ts'

export const RELEASE_ROWS: WaitRow[] = [
  ...(['volumes', 'images'] as const).map((cache): WaitRow => ({
    reason: 'Releasing',
    where: [cache, ns('gone')],
    waits: async (c) => {
      c.make(cache, 'gone')
      await c.operator.rest()
      c.operator.answer = without(cache === 'volumes' ? 'volume' : 'image')
      c.operator.remove(cache, ns('gone'))
    },
    ends: (c) => c.answersAll(),
    next: 'gone',
  })),
  ...(['Releasing', 'NodeSilent'] as const).map((reason): WaitRow => ({
    reason,
    where: port,
    waits: async (c) => {
      c.port('eth')
      c.vm('vm', { networks: [{ portRef: { name: 'eth' } }] })
      await c.operator.rest()
      const node = c.nodeOf('vm')
      c.operator.answer = without('port')
      for (const where of [vm, port]) c.operator.remove(...where)
      await c.operator.rest()
      if (reason === 'NodeSilent') c.operator.silence(node)
    },
    ends: (c) => {
      c.answersAll()
      for (const node of ['c1', 'c2']) c.operator.beat(node)
    },
    next: 'gone',
  })),
]
