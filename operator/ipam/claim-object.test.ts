// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { IP_CLAIM } from '../../lib/api/kinds.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { ApiError, UnreachableError } from '../../lib/kube/errors.ts'
import { settle } from '../../lib/time/fake-clock.ts'
import { blockOf, toEntry, type ClaimEntry, type StoredBlock } from './claim-block.ts'
import { KubeClaimStore, toClaimObject, toStoredBlock } from './claim-object.ts'

const ref = blockOf({ namespace: 'ns', name: 'lan', uid: 'su' }, '10.0.0.2')
const entries = [toEntry({ namespace: 'ns', name: 'p' }, '10.0.0.2')]
const metadata = { uid: 'u1', resourceVersion: '7', labels: { backup: 'daily' }, finalizers: ['x/y'] }
const base = { ...ref, metadata, entries }

type Call = [verb: string, ...args: unknown[]]
/** Every call is written down; the answers are given by the test. */
function clientOf(answer: (...call: Call) => unknown): { client: KubeClient; calls: Call[] } {
  const calls: Call[] = []
  const verb =
    (name: string) =>
    async (...args: unknown[]) => {
      calls.push([name, ...args])
      return answer(name, ...args)
    }
  const client = Object.fromEntries(['find', 'create', 'update', 'remove'].map((name) => [name, verb(name)]))
  return { client: client as unknown as KubeClient, calls }
}
const echo = (_verb: string, _kind: unknown, object: unknown) => object

describe('what a block is stored by', () => {
  test('its creation, when there was none', async () => {
    const { client, calls } = clientOf(echo)
    expect(await new KubeClaimStore(client).write(ref, undefined, entries)).toMatchObject({ kind: 'stored' })
    expect(calls).toEqual([['create', IP_CLAIM, toClaimObject(ref, entries)]])
  })
  test('an update under the version that it was computed from; what others put on it stays', async () => {
    const { client, calls } = clientOf(echo)
    const written = await new KubeClaimStore(client).write(ref, base, entries)
    expect(written).toMatchObject({ kind: 'stored', block: { ...ref, entries } })
    const object = toClaimObject(ref, entries)
    const labels = { ...metadata.labels, ...object.metadata.labels }
    expect(calls).toEqual([['update', IP_CLAIM, { ...object, metadata: { ...metadata, ...object.metadata, labels } }]])
  })
  test('its removal under UID and version, when nothing is left: the write is over when the apiserver says so', async () => {
    const removed = Promise.withResolvers<undefined>()
    const { client, calls } = clientOf(() => removed.promise)
    let written: unknown
    void new KubeClaimStore(client).write(ref, base, []).then((result) => (written = result))
    await settle()
    expect(calls).toEqual([
      ['remove', IP_CLAIM, { namespace: 'ns', name: ref.name }, { preconditions: { uid: 'u1', resourceVersion: '7' } }],
    ])
    expect(written).toBeUndefined()
    removed.resolve(undefined)
    await settle()
    expect(written).toEqual({ kind: 'removed' })
  })
})

describe('what a refusal means', () => {
  const conflict = new ApiError('x', 409, { reason: 'Conflict' })
  const exists = new ApiError('x', 409, { reason: 'AlreadyExists' })
  const notFound = new ApiError('x', 404, {})
  const silence = new UnreachableError('x', new Error('reset'))
  test.each<[string, StoredBlock | undefined, ClaimEntry[], Error, boolean]>([
    ['creating', undefined, entries, exists, true],
    ['creating', undefined, entries, conflict, false],
    // The namespace goes.
    ['creating', undefined, entries, notFound, false],
    ['creating', undefined, entries, silence, false],
    ['changing', base, entries, conflict, true],
    ['changing', base, entries, notFound, true],
    ['changing', base, entries, exists, false],
    ['changing', base, entries, silence, false],
    ['removing', base, [], conflict, true],
    ['removing', base, [], notFound, true],
    ['removing', base, [], silence, false],
  ])('%s: another was faster, or it failed', async (_, before, now, error, isLost) => {
    const store = new KubeClaimStore(clientOf(() => Promise.reject(error)).client)
    const write = store.write(ref, before, now)
    if (isLost) expect(await write).toEqual({ kind: 'conflict' })
    else await expect(write).rejects.toBe(error)
  })
})

test('what is not there is not found', async () => {
  expect(await new KubeClaimStore(clientOf(() => undefined).client).find(ref)).toBeUndefined()
  const object = { ...toClaimObject(ref, entries), metadata: { ...metadata, namespace: 'ns', name: ref.name } }
  const { client, calls } = clientOf(() => object)
  expect(await new KubeClaimStore(client).find(ref)).toEqual(toStoredBlock(object))
  expect(calls).toEqual([['find', IP_CLAIM, { namespace: 'ns', name: ref.name }]])
})
