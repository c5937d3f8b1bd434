// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Secret, VPNConnection } from '../../lib/api/types.ts'
import { createTestCertificate } from '../../lib/pki/testing/certificate.ts'
import { ApiError } from '../../lib/kube/errors.ts'
import { stored } from '../testing/memory-deps.ts'
import { judgeKey, VPNKeyStore } from './key-store.ts'

const KEY = 'sixteen-characters'
const connection = stored<VPNConnection>('c', {
  ...{ vpnServiceRef: { name: 's' }, peerAddress: '203.0.113.9', peerCIDRs: ['10.2.0.0/24'] },
  preSharedKeySecretRef: { name: 'k' },
})
const base64 = (text: string) => Buffer.from(text).toString('base64')
const secret = (data: Record<string, string>, labels: object = { 'nephele.dev/vpn-key': 'true' }) =>
  ({ metadata: { name: 'k', namespace: 'ns', uid: 'u', labels }, data }) as unknown as Secret

let now: number
let reads: number
let found: Secret | undefined | Error
let store: VPNKeyStore
const client = {
  async find() {
    reads++
    if (found instanceof Error) throw found
    return found
  },
} as never
const find = (given?: string, at = connection) =>
  store.find(at, { node: 'g1', externalIP: '203.0.113.5', client, signal: new AbortController().signal }, async () =>
    given === undefined ? undefined : { preSharedKey: given },
  )

beforeEach(() => {
  ;[now, reads, found] = [1_000_000, 0, secret({ psk: base64(KEY) })]
  store = new VPNKeyStore('nephele-system', () => now)
})

test('a key is read once a minute', async () => {
  expect(await find()).toMatchObject({ key: { preSharedKey: KEY } })
  await find()
  expect(reads).toBe(1)
  now += 60_000
  await find()
  expect(reads).toBe(2)
})

test('another Secret is read at once, and of another key its VPNService hears', async () => {
  const told: string[] = []
  store.onChange((service) => told.push(service))
  await find()
  found = secret({ other: base64('another-key-of-it') })
  const changed = { ...connection, spec: { ...connection.spec, preSharedKeySecretRef: { name: 'k', key: 'other' } } }
  expect((await find(undefined, changed)).key).toEqual({ preSharedKey: 'another-key-of-it' })
  expect(told).toEqual(['ns/s'])
})

describe('what is wrong with the Secret', () => {
  test.each<[string, Secret | undefined, string]>([
    ['it is missing', undefined, 'SecretNotFound'],
    ['it has no such key', secret({ other: '' }), 'SecretNotFound'],
    ['it is not marked', secret({ psk: base64(KEY) }, {}), 'SecretNotVPNKey'],
    ['the key is short', secret({ psk: base64('fifteen-letters') }), 'PreSharedKeyInvalid'],
    ['the key ends with a line', secret({ psk: base64(`${KEY}\n`) }), 'PreSharedKeyInvalid'],
  ])('%s: said, and the key that was there before stays in use', async (_, wrong, reason) => {
    found = wrong
    expect(await find()).toMatchObject({ lacks: { reason, retryAfterMs: 60_000 } })
    store = new VPNKeyStore('nephele-system', () => now)
    expect(await find('the-one-of-the-node')).toMatchObject({
      ...{ key: { preSharedKey: 'the-one-of-the-node' }, lacks: { reason } },
    })
    store = new VPNKeyStore('nephele-system', () => now)
    found = secret({ psk: base64(KEY) })
    await find()
    found = wrong
    now += 60_000
    expect(await find()).toMatchObject({ key: { preSharedKey: KEY }, lacks: { reason } })
  })
  test('a namespace that lets nobody read it: the command that does', async () => {
    found = new ApiError('GET secrets', 403, { reason: 'Forbidden' })
    expect(await find()).toMatchObject({
      lacks: { reason: 'SecretNotPermitted', message: expect.stringContaining('kubectl create rolebinding -n ns') },
    })
  })
})

test.each([
  ['a'.repeat(16), true],
  ['a'.repeat(128), true],
  ['a'.repeat(15), false],
  ['a'.repeat(129), false],
  ['a b'.repeat(6), false],
  ['ü'.repeat(16), false],
])('%s is a key: %s', (text, isKey) => {
  const verdict = judgeKey(text, 'it')
  expect(verdict.ok).toBe(isKey)
  // Nothing of it is told.
  if (!verdict.ok && verdict.outcome.kind === 'wait') expect(verdict.outcome.message).not.toContain(text.slice(0, 8))
})

describe('certificates', () => {
  const byCertificate = stored<VPNConnection>('c', {
    ...{ vpnServiceRef: { name: 's' }, peerAddress: '203.0.113.9', peerCIDRs: ['10.2.0.0/24'] },
    certificateSecretRef: { name: 'k' },
  })
  let good: Secret
  beforeEach(async () => {
    const authority = await createTestCertificate({ subject: 'CN=root', isAuthority: true })
    const own = await createTestCertificate({ subject: 'CN=gw', issuer: authority })
    good = secret({
      ...{ 'tls.crt': base64(own.certificate), 'tls.key': base64(own.key) },
      'ca.crt': base64(authority.certificate),
    })
  })

  test('a wrong one is said, and the one before stays in use', async () => {
    found = good
    const { key } = await find(undefined, byCertificate)
    expect(key?.certificate?.chain).toHaveLength(1)
    found = secret({ ...good.data, 'tls.key': base64('none') })
    now += 60_000
    expect(await find(undefined, byCertificate)).toMatchObject({ key, lacks: { reason: 'CertificateInvalid' } })
  })

  test.each(['tls.crt', 'tls.key', 'ca.crt'])('without %s', async (name) => {
    found = secret(Object.fromEntries(Object.entries(good.data ?? {}).filter(([key]) => key !== name)))
    expect(await find(undefined, byCertificate)).toMatchObject({
      lacks: { reason: 'SecretNotFound', message: expect.stringContaining(`has no key ${name}`) },
    })
  })

  test('as our address changes, so may the name by which we are known: it is judged again', async () => {
    found = good
    await find(undefined, byCertificate)
    const at = { node: 'g1', externalIP: '203.0.113.6', client, signal: new AbortController().signal }
    await store.find(byCertificate, at, async () => undefined)
    expect(reads).toBe(2)
  })
})

test('what was sealed for another node is asked for again', async () => {
  found = undefined
  const place = { externalIP: '203.0.113.5', client, signal: new AbortController().signal }
  const given = async () => ({ given: { node: 'g1', sealedKey: 'sealed' } })
  expect((await store.find(connection, { ...place, node: 'g1' }, given)).key).toEqual(await given())
  expect((await store.find(connection, { ...place, node: 'g2' }, async () => undefined)).key).toBeUndefined()
})
