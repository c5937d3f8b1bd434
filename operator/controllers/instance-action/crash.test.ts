// SPDX-License-Identifier: Apache-2.0
// The operator ends at each of its writes, to the apiserver and to the bus, before it is made and after it took effect; or it lives on without
// the answer. What is to be done to the machine is done once all the same, and its end is known. All controllers run, in memory.
import { describe, expect, test } from '@jest/globals'
import { ADMIN_PASSWORD_LABEL } from '../../../lib/api/kinds.ts'
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import { TransientError } from '../../../lib/errors.ts'
import { createSealingKey, sealingKeyOf } from '../../../lib/pki/sealed.ts'
import { ActingNode } from '../../testing/acting-node.ts'
import { ns, QuietCloud } from '../../testing/quiet-cloud.ts'

type Spec = Partial<InstanceAction['spec']>
interface Fault {
  when: 'before' | 'after'
  /** `dies`: another operator goes on, with the bus as it is or empty; `lives`: it gets an error for an answer. */
  then: 'dies, the bus is kept' | 'dies, the bus is wiped' | 'lives'
}
/** A machine that runs, and what its node did to it once that is something else than a first start. */
interface Scene {
  cloud: QuietCloud
  node: ActingNode
  /** What was done since. */
  done: () => string[]
}

/** With what was done before. */
const ACTIONS: [string, Spec, string[], Spec?][] = [
  ['a soft reboot', { type: 'Reboot' }, ['shutdown', 'on']],
  ['a hard reboot', { type: 'Reboot', reboot: { type: 'Hard' } }, ['off', 'on']],
  ['a reset', { type: 'Reset' }, ['reset']],
  ['an interrupt', { type: 'CrashDump' }, ['crashDump']],
  [
    'a password',
    { type: 'SetAdminPassword', setAdminPassword: { passwordSecretRef: { name: 'pw' } } },
    ['setAdminPassword'],
  ],
  ['a reset of the state', { type: 'ResetState' }, []],
  ['a snapshot', { type: 'Snapshot' }, ['capture']],
  ['a rebuild', { type: 'Rebuild' }, ['shutdown', 'make', 'on']],
  ['a rescue', { type: 'Rescue' }, ['shutdown', 'make', 'on']],
  ['an unrescue', { type: 'Unrescue' }, ['shutdown', 'on'], { type: 'Rescue' }],
]
const FAULTS: Fault[] = (['before', 'after'] as const).flatMap((when) =>
  (['dies, the bus is kept', 'dies, the bus is wiped', 'lives'] as const).map((then) => ({ when, then })),
)
/** Running; the document that says it; the end; the document that says it no more: fewer writes are no action. */
const LEAST_WRITES = 4

const SECRET = {
  metadata: { name: 'pw', labels: { [ADMIN_PASSWORD_LABEL]: 'true' } },
  data: { password: Buffer.from('s3cret').toString('base64') },
}
const SEALING_KEY = sealingKeyOf(createSealingKey())
const letRead = ({ operator }: QuietCloud) => Object.assign(operator.world.run.client, { find: async () => SECRET })

async function scene(earlier?: Spec): Promise<Scene> {
  const cloud = await QuietCloud.furnished()
  for (const name of ['c1', 'c2']) cloud.operator.report(name, { sealingKey: SEALING_KEY })
  cloud.imageStore('main', ['s1'], { default: true })
  letRead(cloud)
  const node = new ActingNode()
  cloud.operator.answer = node.answer
  cloud.vm('vm')
  await cloud.operator.rest()
  expect(cloud.operator.reason('instances', ns('vm'))).toBe('Ready')
  if (earlier) {
    cloud.make('instanceActions', 'earlier', { instanceRef: { name: 'vm' }, ...earlier })
    await cloud.operator.rest()
  }
  const before = node.done.length
  const word = (line: string) => line.split(' ')[1]?.split('-')[0] ?? ''
  return { cloud, node, done: () => node.done.slice(before).map(word) }
}

class Killed extends Error {}

/** @returns whether there was a write of that number */
async function restWithFault(
  cloud: QuietCloud,
  at: number,
  { when, then }: Fault,
  prepare: (cloud: QuietCloud) => unknown = letRead,
): Promise<boolean> {
  let [writes, isDead] = [0, false]
  let hasHappened = false
  const { operator } = cloud
  operator.retriesFailures = then === 'lives'
  operator.atWrite = (now) => {
    if (isDead) throw new Killed('killed')
    if (now === 'before') writes += 1
    if (hasHappened || writes !== at || now !== when) return
    hasHappened = true
    isDead = then !== 'lives'
    throw isDead ? new Killed('killed') : new TransientError('BusUnavailable', 'no answer')
  }
  await operator.rest().catch((error: unknown) => {
    if (!(error instanceof Killed)) throw error
  })
  operator.atWrite = () => undefined
  if (isDead) cloud.changeLeader(then.endsWith('kept') ? 'kept' : 'wiped')
  prepare(cloud)
  await cloud.operator.rest()
  return hasHappened
}

const endOf = (cloud: QuietCloud, name = 'again') =>
  (cloud.operator.get('instanceActions', ns(name)) as InstanceAction).status
const isRescued = ({ operator }: QuietCloud) =>
  (operator.get('instances', ns('vm')) as Instance).status?.rescue !== undefined
const documentOf = ({ operator }: QuietCloud, uid: string) =>
  [...operator.world.bus.desired.documents.values()].find((document) => document.uid === uid)

describe.each(ACTIONS)('%s', (_, spec, deeds, earlier) => {
  test.each(FAULTS)('is done once when the operator $then: $when each of its writes', async (fault) => {
    for (let at = 1; ; at++) {
      const { cloud, done } = await scene(earlier)
      cloud.make('instanceActions', 'again', { instanceRef: { name: 'vm' }, ...spec })
      const hasHappened = await restWithFault(cloud, at, fault)
      expect([at, done(), endOf(cloud)?.state]).toEqual([at, deeds, 'Succeeded'])
      expect(cloud.operator.reason('instances', ns('vm'))).toBe('Ready')
      expect(isRescued(cloud)).toBe(spec.type === 'Rescue')
      const document = documentOf(cloud, cloud.uidOf('vm'))
      expect(document?.kind === 'instance' && !document.tombstone && document.spec.action).toBeUndefined()
      if (hasHappened) continue
      expect(at).toBeGreaterThan(LEAST_WRITES)
      break
    }
  })
})

test('two at a time: the second begins when the first is over, whoever leads', async () => {
  for (let at = 1; ; at++) {
    const { cloud, done } = await scene()
    for (const [name, type] of [
      ['first', 'Reset'],
      ['second', 'CrashDump'],
    ] as const)
      cloud.make('instanceActions', name, { instanceRef: { name: 'vm' }, type })
    const hasHappened = await restWithFault(cloud, at, { when: 'after', then: 'dies, the bus is kept' })
    expect([at, done(), endOf(cloud, 'first')?.state, endOf(cloud, 'second')?.state]).toEqual([
      ...[at, ['reset', 'crashDump']],
      ...['Succeeded', 'Succeeded'],
    ])
    if (!hasHappened) break
  }
})

test('operator and agent end, so that nobody knows whether it was done: that is its end', async () => {
  for (let at = 1; ; at++) {
    const { cloud, node, done } = await scene()
    node.isKilledAtDeeds = true
    cloud.make('instanceActions', 'again', { instanceRef: { name: 'vm' }, type: 'Reset' })
    const hasHappened = await restWithFault(cloud, at, { when: 'after', then: 'dies, the bus is wiped' })
    expect([at, done(), endOf(cloud)?.state]).toEqual([at, [], 'Failed'])
    expect(cloud.operator.reason('instanceActions', ns('again'))).toBe('OutcomeUnknown')
    if (!hasHappened) break
  }
})

test.each(FAULTS)(
  'a silent node holds nothing up, and does not do later what it was not told in time: $when, $then',
  async (fault) => {
    const anHourLater = ({ operator }: QuietCloud) =>
      Object.assign(operator.world.run, { now: new Date('2026-01-01T01:00:00Z') })
    for (let at = 1; ; at++) {
      const { cloud, node, done } = await scene()
      const where = cloud.nodeOf('vm')
      cloud.operator.answer = (document) => (document.node === where ? undefined : node.answer(document))
      cloud.make('instanceActions', 'again', { instanceRef: { name: 'vm' }, type: 'Reset' })
      await cloud.operator.rest()
      expect(endOf(cloud)?.state).toBe('Running')
      anHourLater(cloud)
      cloud.operator.silence(where)
      const hasHappened = await restWithFault(cloud, at, fault, anHourLater)
      expect([at, endOf(cloud)?.state, cloud.operator.reason('instanceActions', ns('again'))]).toEqual([
        ...[at, 'Failed', 'OutcomeUnknown'],
      ])
      cloud.operator.answer = node.answer
      cloud.operator.beat(where)
      cloud.make('instanceActions', 'next', { instanceRef: { name: 'vm' }, type: 'CrashDump' })
      await cloud.operator.rest()
      expect([at, done(), endOf(cloud, 'next')?.state]).toEqual([at, ['crashDump'], 'Succeeded'])
      if (!hasHappened) break
    }
  },
)

test('a store that is older than what was done has it answered, not done again', async () => {
  const { cloud, done } = await scene()
  cloud.make('instanceActions', 'again', { instanceRef: { name: 'vm' }, type: 'Reset' })
  await cloud.operator.rest()
  const before = { ...cloud.operator.get('instanceActions', ns('again')) }
  delete before.status
  cloud.operator.store('instanceActions', before)
  cloud.changeLeader()
  await cloud.operator.rest()
  expect([done(), endOf(cloud)?.state]).toEqual([['reset'], 'Succeeded'])
})
