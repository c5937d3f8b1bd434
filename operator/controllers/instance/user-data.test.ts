// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Instance, Secret } from '../../../lib/api/types.ts'
import { USER_DATA_LABEL } from '../../../lib/api/kinds.ts'
import { ApiError } from '../../../lib/kube/errors.ts'
import { machine } from '../../testing/machine-world.ts'
import { MAX_USER_DATA_BYTES, UserDataStore } from './user-data.ts'

const { signal } = new AbortController()
const base64 = (bytes: number) => Buffer.alloc(bytes, 'x').toString('base64')
const byRef = (ref: object = {}, more: object = {}) =>
  machine({ userDataSecretRef: { name: 'cloud-init', ...ref } }, more)
const marked = (data: Record<string, string> | undefined, more: object = {}) =>
  ({
    metadata: { name: 'cloud-init', uid: 's', resourceVersion: '1', labels: { [USER_DATA_LABEL]: 'true' } },
    ...(data ? { data } : {}),
    ...more,
  }) satisfies Secret

/** A store over one Secret, and what was read of the apiserver. */
function world(secret?: Secret) {
  const store = new UserDataStore('own')
  const reads: unknown[] = []
  const w = {
    secret,
    refusal: undefined as Error | undefined,
    reads,
    store,
    find: (instance: Instance, given?: () => Promise<string | undefined>) =>
      store.find(
        instance,
        {
          find: (async (kind: { kind: string }, ref: object, options: object) => {
            reads.push([kind.kind, ref, options])
            if (w.refusal) throw w.refusal
            return w.secret
          }) as never,
        },
        signal,
        given,
      ),
  }
  return w
}

describe('in the spec', () => {
  test.each([
    ['', ''],
    ['#cloud-config ü', Buffer.from('#cloud-config ü').toString('base64')],
    ['x'.repeat(MAX_USER_DATA_BYTES), base64(MAX_USER_DATA_BYTES)],
  ])('as base64, up to the limit', async (userData, object) => {
    const w = world(marked({ userData: 'other' }))
    expect(await w.find(machine({ userData }))).toEqual({ ok: true, object })
    expect(w.reads).toEqual([])
  })

  test('one byte more is refused, and what to do is said', async () => {
    await expect(world().find(machine({ userData: 'x'.repeat(MAX_USER_DATA_BYTES + 1) }))).rejects.toMatchObject({
      reason: 'UserDataTooLarge',
      message: expect.stringMatching(/spec\.userData has 65537 bytes, at most 65536 are possible: write less\./),
    })
  })

  test('without any there is none, and nothing is read', async () => {
    const w = world()
    expect(await w.find(machine())).toEqual({ ok: true, object: undefined })
    expect(w.reads).toEqual([])
  })
})

describe('of a Secret', () => {
  test.each([
    [{}, { userData: 'aQ==', other: 'bQ==' }, 'aQ=='],
    [{ key: 'other' }, { userData: 'aQ==', other: 'bQ==' }, 'bQ=='],
    [{}, { userData: base64(MAX_USER_DATA_BYTES) }, base64(MAX_USER_DATA_BYTES)],
    [{}, { userData: '' }, ''],
  ])('with the key of %j', async (ref, data, object) => {
    const w = world(marked(data))
    expect(await w.find(byRef(ref))).toEqual({ ok: true, object })
    expect(w.reads).toEqual([['Secret', { namespace: 'ns', name: 'cloud-init' }, { signal }]])
  })

  test.each<[string, Secret | undefined, object, string]>([
    ['is not there', undefined, {}, 'does not exist'],
    ['is empty', marked(undefined), {}, 'has no key userData'],
    ['lacks the key', marked({ userData: 'aQ==' }), { key: 'other' }, 'has no key other'],
  ])('that %s is looked for every ten seconds', async (_, secret, ref, what) => {
    for (let n = 0; n < 2; n++)
      expect(await world(secret).find(byRef(ref))).toMatchObject({
        ok: false,
        outcome: {
          ...{ reason: 'SecretNotFound', retryAfterMs: 10_000 },
          message: `Secret ns/cloud-init in spec.userDataSecretRef ${what}: write it`,
        },
      })
  })

  test('is read once, until the machine is forgotten', async () => {
    const w = world(marked({ userData: 'aQ==' }))
    await w.find(byRef())
    w.secret = marked({ userData: 'bQ==' })
    expect(await w.find(byRef())).toEqual({ ok: true, object: 'aQ==' })
    expect(w.reads).toHaveLength(1)
    w.store.forget('uid-vm')
    expect(await w.find(byRef())).toEqual({ ok: true, object: 'bQ==' })
  })

  test('is not asked for what the machine was given before, which is kept', async () => {
    const w = world(marked({ userData: 'bQ==' }))
    expect(await w.find(byRef(), async () => 'aQ==')).toEqual({ ok: true, object: 'aQ==' })
    expect(await w.find(byRef(), async () => 'cQ==')).toEqual({ ok: true, object: 'aQ==' })
    expect(w.reads).toEqual([])
  })

  test('of one machine is never given to another', async () => {
    const w = world(marked({ userData: 'aQ==' }))
    await w.find(byRef())
    w.secret = undefined
    expect(await w.find(byRef({}, { uid: 'uid-other' }))).toMatchObject({ ok: false })
  })

  test.each<[string, object, object, boolean]>([
    ['with a mark', {}, {}, true],
    ['without one', { metadata: { name: 'cloud-init' } }, {}, false],
    ['without one, of a machine that was placed', { metadata: { name: 'cloud-init' } }, { status: { epoch: 1 } }, true],
    ['a token, marked', { type: 'kubernetes.io/service-account-token' }, {}, false],
    [
      'a token, of a machine that was placed',
      { type: 'kubernetes.io/service-account-token' },
      { status: { epoch: 1 } },
      false,
    ],
  ])('%s', async (_, secret, more, ok) => {
    const said = await world(marked({ userData: 'aQ==' }, secret)).find(byRef({}, more))
    expect(said).toMatchObject(ok ? { ok, object: 'aQ==' } : { ok, outcome: { reason: 'SecretNotUserData' } })
  })

  test('that the namespace keeps from the operator is waited for, and how to let it is said', async () => {
    const w = world(marked({ userData: 'aQ==' }))
    w.refusal = new ApiError('GET secrets', 403, { reason: 'Forbidden' })
    const waits: number[] = []
    for (let n = 0; n < 8; n++) {
      const said = await w.find(byRef())
      if (said.ok || said.outcome.kind !== 'wait') throw new Error('it was found')
      expect(said.outcome.reason).toBe('SecretNotPermitted')
      expect(said.outcome.message).toContain('the operator may not read Secret cloud-init in spec.userDataSecretRef')
      expect(said.outcome.message).toContain(
        'kubectl create rolebinding -n ns nephele-user-data --clusterrole=nephele-user-data --serviceaccount=own:nephele-operator,',
      )
      waits.push(said.outcome.retryAfterMs ?? 0)
    }
    expect(waits[0]).toBeLessThanOrEqual(10_000)
    expect(Math.max(...waits)).toBeLessThanOrEqual(600_000)
    expect(waits[7]).toBeGreaterThanOrEqual(300_000)
    // What it was given before it has, whatever the namespace lets.
    expect(await w.find(byRef(), async () => 'aQ==')).toEqual({ ok: true, object: 'aQ==' })
    w.store.forget('uid-vm')
    w.refusal = undefined
    expect(await w.find(byRef())).toEqual({ ok: true, object: 'aQ==' })
  })

  test.each([
    [401, 'Unauthorized'],
    [500, 'InternalError'],
  ])('an apiserver that answers %i says nothing about a permission', async (code, reason) => {
    const w = world(marked({ userData: 'aQ==' }))
    w.refusal = new ApiError('GET secrets', code, { reason })
    await expect(w.find(byRef())).rejects.toBe(w.refusal)
  })

  test('what is wrong is read ever more rarely, and a machine made anew begins again', async () => {
    const w = world(marked({ userData: base64(MAX_USER_DATA_BYTES + 1) }))
    const wait = async (): Promise<number> => {
      const said = await w.find(byRef())
      if (said.ok || said.outcome.kind !== 'wait') throw new Error('it was found')
      expect(said.outcome.reason).toBe('UserDataTooLarge')
      return said.outcome.retryAfterMs ?? 0
    }
    const waits: number[] = []
    for (let n = 0; n < 8; n++) waits.push(await wait())
    for (const [n, ms] of waits.entries()) {
      const full = Math.min(600_000, 10_000 * 2 ** n)
      expect(ms).toBeGreaterThanOrEqual(full / 2)
      expect(ms).toBeLessThanOrEqual(full)
    }
    w.store.forget('uid-vm')
    expect(await wait()).toBeLessThanOrEqual(10_000)
  })
})
