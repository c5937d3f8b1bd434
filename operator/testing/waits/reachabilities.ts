// SPDX-License-Identifier: Apache-2.0
// What a question of reachability waits for before it can be asked.
import type { CacheName } from '../memory-cluster.ts'
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { without } from '../answers.ts'
import type { WaitRow } from './row.ts'

const where: Where = ['reachabilities', ns('why')]
const next = 'Answered'
const TO = { name: 'other' }

const ask = (c: QuietCloud, source: object) =>
  c.make('reachabilities', 'why', { source, destination: { ipAddress: '10.0.0.9' }, protocol: 'tcp', port: 80 })

const SOURCES: [CacheName, string, object, object][] = [
  ['ports', 'Port', { portRef: TO }, {}],
  ['instances', 'Instance', { instanceRef: TO }, {}],
  ['networks', 'Network', { networkRef: TO, ipAddress: '10.0.0.1' }, { external: true }],
]

/** A machine asks for a Port, and sends a probe that no node has answered yet. */
const probe = async (c: QuietCloud, name = 'why') => {
  c.operator.answer = without('probe')
  if (name === 'why') {
    c.vm('sender')
    c.port('peer')
    await c.operator.rest()
  }
  const spec = { source: { instanceRef: { name: 'sender' } }, destination: { portRef: { name: 'peer' } }, verify: true }
  c.make('reachabilities', name, spec)
}
const PROBE_ROWS: WaitRow[] = [
  { ...{ reason: 'Probing', where, next }, waits: (c) => probe(c), ends: (c) => c.answersAll() },
  {
    ...{ reason: 'ProbeLimit', next },
    where: ['reachabilities', ns('third')],
    waits: async (c) => {
      await probe(c)
      await probe(c, 'second')
      await c.operator.rest()
      await probe(c, 'third')
    },
    ends: (c) => c.answersAll(),
  },
  {
    ...{ reason: 'NodeSilent', where, next },
    waits: async (c) => {
      await probe(c)
      await c.operator.rest()
      c.operator.silence(c.nodeOf('sender'))
    },
    ends: (c) => {
      c.operator.beat(c.nodeOf('sender'))
      c.answersAll()
    },
  },
  {
    ...{ reason: 'Releasing', where, next: 'gone' },
    waits: async (c) => {
      await probe(c)
      await c.operator.rest()
      c.operator.remove(...where)
    },
    ends: (c) => c.answersAll(),
  },
]

export const REACHABILITY_ROWS: WaitRow[] = [
  {
    ...{ reason: 'ReferenceOverQuota', where, next },
    waits: async (c) => {
      c.make('quotas', 'main', { hard: { ports: 0 } })
      await c.operator.rest()
      c.port('other')
      await c.operator.rest()
      ask(c, { portRef: TO })
    },
    ends: (c) => c.set('quotas', 'main', { hard: {} }),
  },
  ...PROBE_ROWS,
  ...SOURCES.flatMap(([cache, kind, source, spec]): WaitRow[] => [
    {
      ...{ reason: `${kind}NotFound`, where, next },
      waits: (c) => ask(c, source),
      ends: (c) => c.make(cache, 'other', spec),
    },
    {
      ...{ reason: `${kind}Deleting`, where, next },
      waits: (c) => {
        c.hold(cache, 'other')
        ask(c, source)
      },
      ends: async (c) => {
        c.drop(cache, 'other')
        await c.operator.rest()
        c.make(cache, 'other', spec)
      },
    },
  ]),
  {
    ...{ reason: 'PortNotReady', where, next },
    waits: (c) => {
      c.make('networks', 'bare')
      c.port('other', { networkRef: { name: 'bare' } })
      ask(c, { portRef: TO })
    },
    ends: (c) => c.subnet('bare', { networkRef: { name: 'bare' }, cidr: '10.1.0.0/24' }),
  },
  {
    ...{ reason: 'NoInterface', where, next },
    waits: (c) => {
      c.vm('other', { networks: [] })
      ask(c, { instanceRef: TO })
    },
    ends: (c) => c.set('instances', 'other', { networks: [{ networkRef: { name: 'lan' } }] }),
  },
]
