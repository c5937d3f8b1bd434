// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { INSTANCE, NETWORK } from '../../lib/api/kinds.ts'
import type { Condition } from '../../lib/conditions.ts'
import { keyOfRef } from '../../lib/kube/object.ts'
import { explain, linesOf, type Described, type Find, type Looked } from './explain.ts'

const NOW = new Date('2026-01-01T00:05:00Z')
const condition = (type: string, status: 'True' | 'False', reason: string, message: string): Condition => ({
  ...{ type, status, reason, message, lastTransitionTime: '2026-01-01T00:02:00Z' },
})
const object = (name: string, spec: object, status?: object, meta: object = {}): Described => ({
  metadata: {
    ...{ name, namespace: 'team', uid: name, resourceVersion: '1', generation: 1 },
    ...{ creationTimestamp: '2026-01-01T00:00:00Z', ...meta },
  },
  spec,
  ...(status ? { status: { observedGeneration: 1, ...status } } : {}),
})
const ready = {
  state: 'ACTIVE',
  conditions: [condition('Ready', 'True', 'Ready', 'everything is as the spec wants it')],
}
const finds =
  (all: Record<string, Looked>): Find =>
  (kind, ref) =>
    Promise.resolve(all[`${kind.kind} ${keyOfRef(ref)}`] ?? 'missing')
const lines = async (one: Described, all: Record<string, Looked> = {}) =>
  linesOf(await explain(INSTANCE, one, finds(all), NOW))

test('a machine that is well says so, and nothing of what it names', async () => {
  const web = object('web', { networks: [{ networkRef: { name: 'front' } }] }, { ...ready, node: 'n1' })
  const all = { 'Network team/front': object('front', {}, ready), 'ComputeNode n1': object('n1', {}, ready) }
  expect(await lines(web, all)).toEqual(['Instance team/web: ACTIVE on n1, ready for 3m.'])
})

test('what it names is followed to what is amiss, and told once', async () => {
  const waits = (reason: string, message: string) => ({
    state: 'BUILD',
    conditions: [condition('Ready', 'False', reason, message)],
  })
  const spec = {
    imageRef: { name: 'typo' },
    networks: [{ networkRef: { name: 'front' } }, { networkRef: { name: 'front' } }],
  }
  const web = object('web', spec, waits('NetworkNotReady', 'waiting for Network team/front'))
  const front = object(
    'front',
    { provider: { providerNetworkRef: { name: 'dc' } } },
    waits('ProviderNetworkNotReady', 'waiting for dc'),
  )
  expect(await lines(web, { 'Network team/front': front })).toEqual([
    'Instance team/web: BUILD, is not ready, for 3m (NetworkNotReady): waiting for Network team/front',
    '  Image team/typo: does not exist (named in spec.imageRef).',
    '  Network team/front: BUILD, is not ready, for 3m (ProviderNetworkNotReady): waiting for dc',
    '    ProviderNetwork dc: does not exist (named in spec.provider.providerNetworkRef).',
  ])
})

test('where no node is found, each filter says what it lacks; what nobody may read is left out', async () => {
  const scheduling = { total: 3, filters: [{ name: 'RamFilter', refused: 2, example: 'n1 lacks 512 MiB' }] }
  const conditions = [
    condition('Ready', 'False', 'NoValidHost', 'all 3 nodes were refused'),
    condition('Stalled', 'True', 'x', 'y'),
  ]
  const web = object('web', { flavorRef: { name: 'small' } }, { state: 'BUILD', conditions, scheduling })
  expect(await lines(web, { 'Flavor small': 'forbidden' })).toEqual([
    'Instance team/web: BUILD, will not get ready by itself, for 3m (NoValidHost): all 3 nodes were refused',
    '  RamFilter refused 2 of 3 nodes: n1 lacks 512 MiB',
  ])
})

test('news of a machine that is ready: warnings, a change that nobody has looked at, its node, its deletion', async () => {
  const conditions = [
    ...ready.conditions,
    condition('DetachPending', 'True', 'GuestHolds', 'the guest holds eth1'),
    condition('Named', 'True', 'Named', 'fine'),
  ]
  const web = object(
    'web',
    {},
    { state: 'ACTIVE', node: 'n1', conditions, pendingChanges: ['configDrive'] },
    {
      ...{ generation: 2, deletionTimestamp: '2026-01-01T00:04:00Z', finalizers: ['nephele.dev/release'] },
    },
  )
  const node = object('n1', {}, { state: 'down', conditions: [condition('Ready', 'False', 'AgentSilent', 'no beat')] })
  expect(await lines(web, { 'ComputeNode n1': node })).toEqual([
    'Instance team/web: ACTIVE on n1, ready for 3m.',
    '  The change of its spec has not been looked at yet: is the operator running?',
    '  DetachPending is True (GuestHolds): the guest holds eth1',
    '  Waits for its next start: configDrive.',
    '  It is being deleted since 60s; finalizers: nephele.dev/release.',
    '  ComputeNode n1: down, is not ready, for 3m (AgentSilent): no beat',
  ])
})

test('what nobody has said anything of yet', async () => {
  expect(await lines(object('new', {}))).toEqual([
    'Instance team/new: unknown: nothing has been said of it for 5m. Is the operator running?',
  ])
})

test('objects that name each other end', async () => {
  const broken = { conditions: [condition('Ready', 'False', 'X', 'x')] }
  const a = object('a', { networkRef: { name: 'b' } }, broken)
  const b = object('b', { networkRef: { name: 'a' }, imageRef: { name: 'i' } }, broken)
  const explained = await explain(NETWORK, a, finds({ 'Network team/b': b, 'Network team/a': a }), NOW)
  expect(explained.because.map(({ what, because }) => [what, because.map((one) => one.what)])).toEqual([
    ['Network team/b', ['Image team/i']],
  ])
})
