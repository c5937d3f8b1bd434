// SPDX-License-Identifier: Apache-2.0
// What a KeyPair promises.
import { expect, test } from '@jest/globals'
import type { Instance, KeyPair } from '../../../lib/api/types.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { reconcileKeyPair } from './reconcile.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl github'
const keyPair = (publicKey = KEY, more: object = {}) => stored<KeyPair>('k', { publicKey }, more)
const user = (status: object) =>
  stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, keyPairRef: { name: 'k' } }, { status })

test('a key is told by its type and fingerprint', () => {
  const k = keyPair()
  expect(reconcileKeyPair(k, memoryWorld().deps)).toEqual({ kind: 'done' })
  expect(k.status).toEqual({
    state: 'ACTIVE',
    keyType: 'ssh-ed25519',
    fingerprint: 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU',
  })
})

test('what is no key is refused, and nothing is said of it', () => {
  const k = keyPair('ssh-dss AAAA')
  expect(() => reconcileKeyPair(k, memoryWorld().deps)).toThrow(expect.objectContaining({ reason: 'InvalidPublicKey' }))
  expect(k.status).toEqual({})
})

test('it is deleted once no machine that has a place names it, even if it never was a valid key', () => {
  const w = memoryWorld()
  w.put('instances', user({ node: 'c1' }))
  const k = keyPair('ssh-dss AAAA', { deleted: true })
  expect(reconcileKeyPair(k, w.deps)).toMatchObject({
    kind: 'wait',
    reason: 'InUse',
    message: expect.stringContaining('ns/vm'),
  })
  expect(k.status).toEqual({ state: 'DELETING' })
  w.put('instances', user({}))
  expect(reconcileKeyPair(k, w.deps)).toEqual({ kind: 'released' })
})
