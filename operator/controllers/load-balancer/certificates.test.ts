// SPDX-License-Identifier: Apache-2.0
// What nodes are told of certificates, what is said of them, and what a Secret that is broken leaves in use.
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { X509Certificate } from 'node:crypto'
import { SECRET } from '../../../lib/api/kinds.ts'
import type { ComputeNode, LoadBalancer, Network, Router, Secret, Subnet } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { sealedUse, type BalancerDocument } from '../../../lib/contract/documents.ts'
import { ApiError } from '../../../lib/kube/errors.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { createSealingKey, sealingKeyOf, unseal } from '../../../lib/pki/sealed.ts'
import { createTestCertificate, type TestCertificate } from '../../../lib/pki/testing/certificate.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { CertificateStore } from '../../tls/certificate-store.ts'
import { reconcileNetwork } from '../network/reconcile.ts'
import { reconcileRouter } from '../router/reconcile.ts'
import { reconcileSubnet } from '../subnet/reconcile.ts'
import { reconcileLoadBalancer } from './reconcile.ts'

const NOW = new Date('2026-01-01T00:00:00Z')
const MINUTE = 60_000
const KEYS = { g1: createSealingKey(), g2: createSealingKey() }

let shop: TestCertificate
let renewed: TestCertificate
let other: TestCertificate
let old: TestCertificate
beforeAll(async () => {
  shop = await createTestCertificate({ names: ['shop.example.com'], now: NOW, until: 90 })
  renewed = await createTestCertificate({ names: ['shop.example.com'], now: NOW, until: 91 })
  other = await createTestCertificate({ names: ['other.example.com'], now: NOW })
  old = await createTestCertificate({ names: ['shop.example.com'], now: NOW, from: -90, until: -1 })
})

let w: MemoryWorld
let run: Run
let secrets: Map<string, Secret | Error>
const base64 = (text: string) => Buffer.from(text).toString('base64')
const secretOf = ({ certificate, key }: Pick<TestCertificate, 'certificate' | 'key'>, more: object = {}): Secret =>
  ({
    ...{ type: 'kubernetes.io/tls', data: { 'tls.crt': base64(certificate), 'tls.key': base64(key) } },
    metadata: { name: 's', namespace: 'ns', uid: 'u', labels: { 'nephele.dev/tls': 'true' } },
    ...more,
  }) as unknown as Secret
const https = (...names: string[]): LoadBalancer['spec']['listeners'][number] => ({
  ...{ name: 'web', protocol: 'https', port: 443, members: [{ ipAddress: '10.0.1.50', port: 80 }] },
  tls: { certificateSecretRefs: names.map((name) => ({ name })) },
})
const balancer = (...listeners: LoadBalancer['spec']['listeners']) =>
  stored<LoadBalancer>('shop', { vip: { subnetRef: { name: 'front' } }, listeners })
const addNode = (name: string, key?: string) => {
  const status = {
    ...{ roles: ['gateway' as const], state: 'up' as const },
    ...(key === undefined ? {} : { sealingKey: sealingKeyOf(key) }),
  }
  w.put('computeNodes', stored<ComputeNode>(name, {}, { namespace: '', status }))
}
async function step(one: LoadBalancer): Promise<Outcome> {
  for (let n = 0; n < 5; n++) {
    const outcome = await reconcileLoadBalancer(one, w.deps, run)
    w.put('loadBalancers', one)
    for (const { node } of one.status?.proxies ?? [])
      w.report('balancer', one, { node, epoch: one.status?.proxyEpoch ?? 0, state: 'active', facts: { serving: true } })
    if (outcome.kind !== 'saved') return n === 0 ? reconcileLoadBalancer(one, w.deps, run) : step(one)
  }
  throw new Error('it decides something new for ever')
}
const later = (ms: number) => (w.clock.ms += ms)
const told = (node = 'g1') =>
  (w.bus.desired.documents.get(`${node}.balancer.uid-shop`) as BalancerDocument | undefined)?.spec
const openedBy = (node: 'g1' | 'g2', name: string) => {
  const sealed = told(node)?.certificates?.find((one) => one.name === name)?.sealedKey ?? ''
  return unseal(sealed, KEYS[node], { node, uid: 'uid-shop', ...sealedUse(name) })
}
const valid = (one: LoadBalancer) => {
  const { status, reason, message } = findCondition(one.status?.conditions, 'CertificatesValid') ?? {}
  return { status, reason, message }
}
const shown = (one: LoadBalancer) => one.status?.certificates?.map(({ secret, dnsNames }) => [secret, dnsNames])

beforeEach(async () => {
  w = memoryWorld()
  secrets = new Map([['shop', secretOf(shop)]])
  const find = async (kind: { plural: string }, { name }: { name: string }) => {
    expect(kind).toBe(SECRET)
    const found = secrets.get(name)
    if (found instanceof Error) throw found
    return found
  }
  const network = stored<Network>('net', {})
  await reconcileNetwork(network, w.deps, w.run)
  w.put('networks', network)
  const subnet = stored<Subnet>('front', { networkRef: { name: 'net' }, cidr: '10.0.1.0/24' })
  await reconcileSubnet(subnet, w.deps, w.run)
  w.put('subnets', subnet)
  const router = stored<Router>('r', { interfaces: [{ subnetRef: { name: 'front' } }] })
  await reconcileRouter(router, w.deps, w.run)
  w.put('routers', router)
  run = { ...w.run, now: NOW, client: { ...w.run.client, find } as never }
  addNode('g1', KEYS.g1)
})

test('each node gets the certificate, and its key sealed for itself; who names none gets nothing of it', async () => {
  addNode('g2', KEYS.g2)
  secrets.set('other', secretOf(other))
  const one = balancer(https('shop', 'other'), { name: 'plain', protocol: 'http', port: 80 })
  expect(await step(one)).toEqual({ kind: 'done', retryAfterMs: MINUTE })
  for (const node of ['g1', 'g2'] as const) {
    expect(told(node)?.listeners.map(({ name, tls }) => [name, tls])).toEqual([
      ['web', { certificates: ['shop', 'other'], minVersion: '1.2' }],
      ['plain', undefined],
    ])
    expect(openedBy(node, 'shop').trim()).toBe(shop.key.trim())
    expect(openedBy(node, 'other').trim()).toBe(other.key.trim())
  }
  expect(JSON.stringify([...w.bus.desired.documents.values()])).not.toContain('PRIVATE KEY')
  expect(JSON.stringify(one)).not.toContain('PRIVATE KEY')
  expect(one.status?.certificates).toEqual([
    {
      ...{ secret: 'shop', notAfter: '2026-04-01T00:00:00Z', dnsNames: ['shop.example.com'] },
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
    expect.objectContaining({ secret: 'other' }),
  ])
  expect(valid(one)).toMatchObject({ status: 'True', reason: 'AllValid' })
  expect(w.network.rows.of('LoadBalancer').get('uid-shop')?.listeners[0]).toMatchObject({
    ...{ protocol: 'tcp', port: 443 },
    members: [{ address: one.status?.proxyAddress, port: 443 }],
  })
})

test('what stays the same is sealed once: no node hears of a change that is none', async () => {
  const one = balancer(https('shop'))
  await step(one)
  const before = structuredClone(told())
  later(MINUTE)
  await step(one)
  expect(told()).toEqual(before)
  // An operator that has just begun.
  Object.assign(w.deps, { certificates: new CertificateStore('nephele-system', () => w.clock.ms) })
  await step(one)
  expect(told()).toEqual(before)
})

test('a renewed one is taken within a minute; an edit is looked at at once', async () => {
  const one = balancer(https('shop'))
  await step(one)
  const before = told()?.certificates?.[0]?.chain
  secrets.set('shop', secretOf(renewed))
  await step(one)
  expect(told()?.certificates?.[0]?.chain).toBe(before)
  later(MINUTE)
  await step(one)
  expect(told()?.certificates?.[0]?.chain.trim()).toBe(renewed.certificate.trim())
  expect(openedBy('g1', 'shop').trim()).toBe(renewed.key.trim())
  secrets.set('shop', secretOf(shop))
  one.metadata.generation = 2
  await step(one)
  expect(told()?.certificates?.[0]?.chain).toBe(before)
})

describe('one that cannot be shown is said, and the one before stays in use', () => {
  const wrong: [string, () => Secret | Error | undefined, string][] = [
    ['the Secret is gone', () => undefined, 'SecretNotFound'],
    ['nobody lets it be read', () => new ApiError('GET', 403, { reason: 'Forbidden' }), 'SecretNotPermitted'],
    ['its mark is gone', () => secretOf(shop, { metadata: { name: 's', uid: 'u', labels: {} } }), 'SecretNotTLS'],
    ['it is of another type', () => secretOf(shop, { type: 'Opaque' }), 'SecretNotTLS'],
    ['key and certificate do not fit', () => secretOf({ ...renewed, key: other.key }), 'CertificateInvalid'],
    ['it expired', () => secretOf(old), 'CertificateExpired'],
  ]
  test.each(wrong)('%s', async (_, broken, reason) => {
    const one = balancer(https('shop'))
    await step(one)
    const before = structuredClone(told())
    const found = broken()
    if (found) secrets.set('shop', found)
    else secrets.delete('shop')
    later(MINUTE)
    expect(await step(one)).toMatchObject({ kind: 'wait', reason, retryAfterMs: MINUTE })
    expect(valid(one)).toMatchObject({
      ...{ status: 'False', reason },
      message: expect.stringMatching(/Secret ns\/shop in spec.listeners\[0\].*before stays in use/),
    })
    expect(told()).toEqual(before)
    expect(shown(one)).toEqual([['shop', ['shop.example.com']]])
    // Also for an operator that has just begun, which has never seen the key.
    Object.assign(w.deps, { certificates: new CertificateStore('nephele-system', () => w.clock.ms) })
    expect(await step(one)).toMatchObject({ reason })
    expect(told()).toEqual(before)
    expect(w.events).toContain(reason)
    expect(w.events.filter((said) => said === reason)).toHaveLength(1)
  })
  test('of a listener that never had one nothing is served, and others go on', async () => {
    secrets.set('shop', secretOf(old))
    const one = balancer(https('shop'), { name: 'plain', protocol: 'http', port: 80 })
    const message = expect.stringMatching(/expired at.*nothing serves at web meanwhile/)
    expect(await step(one)).toMatchObject({ reason: 'CertificateExpired', message })
    expect(told()?.listeners.map(({ name }) => name)).toEqual(['plain'])
    const members = () => one.status?.listeners?.[0]?.members.map(({ status, reason }) => [status, reason])
    expect([members(), one.status?.operatingStatus]).toEqual([[['OFFLINE', 'NoCertificate']], 'OFFLINE'])
    secrets.set('shop', secretOf(shop))
    later(MINUTE)
    expect(await step(one)).toMatchObject({ kind: 'done' })
    expect(told()?.listeners.map(({ name }) => name)).toEqual(['web', 'plain'])
    expect(members()).toEqual([['NO_MONITOR', undefined]])
  })
  test('one without dates, which an operator of before let pass, keeps nothing from following', async () => {
    const one = balancer(https('shop'))
    await step(one)
    const der = Buffer.from(new X509Certificate(shop.certificate).raw)
    der.write('261301', der.indexOf('260401000000Z'))
    const chain = `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/(.{64})(?!$)/g, '$1\n')}\n-----END CERTIFICATE-----\n`
    const before = told()?.certificates?.[0]
    if (before) before.chain = chain
    secrets.set('shop', secretOf({ ...shop, certificate: chain }))
    Object.assign(w.deps, { certificates: new CertificateStore('nephele-system', () => w.clock.ms) })
    one.spec.listeners.push({ name: 'plain', protocol: 'http', port: 80 })
    expect(await step(one)).toMatchObject({ reason: 'CertificateInvalid' })
    expect(told()?.listeners.map(({ name }) => name)).toEqual(['web', 'plain'])
    expect(one.status?.certificates).toEqual([])
  })
  test('a reference to one that is not there leaves what the listener had', async () => {
    const one = balancer(https('shop'))
    await step(one)
    one.spec.listeners = [https('typo')]
    one.metadata.generation = 2
    expect(await step(one)).toMatchObject({ reason: 'SecretNotFound' })
    expect(told()?.listeners[0]?.tls?.certificates).toEqual(['shop'])
    one.spec.listeners = [https('typo', 'shop')]
    await step(one)
    expect(told()?.listeners[0]?.tls?.certificates).toEqual(['shop'])
  })
})

test.each([
  // days left, days before; is it said?
  [13, 60, true],
  [15, 60, false],
  [1, 5, true],
  [2, 5, false],
])('%i days before its end, of one that is %i days old: said: %s', async (days, daysBefore, isSaid) => {
  secrets.set(
    'shop',
    secretOf(await createTestCertificate({ names: ['a.example.com'], now: NOW, until: days, from: -daysBefore })),
  )
  const one = balancer(https('shop'))
  // It serves all the same.
  expect(await step(one)).toEqual({ kind: 'done', retryAfterMs: MINUTE })
  expect(valid(one)).toMatchObject(isSaid ? { status: 'False', reason: 'CertificateExpiresSoon' } : { status: 'True' })
  expect(w.events).toEqual(isSaid ? ['CertificateExpiresSoon'] : [])
})

describe('the key for which a node has things sealed', () => {
  test('one that has none serves no HTTPS, and says so', async () => {
    addNode('g1')
    const one = balancer(https('shop'), { name: 'plain', protocol: 'http', port: 80 })
    expect(await step(one)).toMatchObject({ reason: 'SealingKeyMissing', message: expect.stringContaining('node g1') })
    expect(told()?.listeners.map(({ name }) => name)).toEqual(['plain'])
    expect(told()).not.toHaveProperty('certificates')
    addNode('g1', KEYS.g1)
    expect(await step(one)).toMatchObject({ kind: 'done' })
    expect(openedBy('g1', 'shop').trim()).toBe(shop.key.trim())
  })
  test('one that announces what is no key serves no HTTPS; the other node does', async () => {
    const status = { roles: ['gateway' as const], state: 'up' as const, sealingKey: 'A'.repeat(43) }
    w.put('computeNodes', stored<ComputeNode>('g2', {}, { namespace: '', status }))
    const one = balancer(https('shop'), { name: 'plain', protocol: 'http', port: 80 })
    expect(await step(one)).toMatchObject({ reason: 'SealingKeyMissing', message: expect.stringContaining('node g2') })
    expect(openedBy('g1', 'shop').trim()).toBe(shop.key.trim())
    expect(told('g2')?.listeners.map(({ name }) => name)).toEqual(['plain'])
    expect(told('g2')).not.toHaveProperty('certificates')
  })
  test('when a node has another one it is sealed anew; without a known key nothing is said that is of no use', async () => {
    const one = balancer(https('shop'))
    await step(one)
    const before = told()?.certificates?.[0]?.sealedKey
    const next = createSealingKey()
    addNode('g1', next)
    await step(one)
    const sealed = told()?.certificates?.[0]?.sealedKey ?? ''
    expect(sealed).not.toBe(before)
    expect(unseal(sealed, next, { node: 'g1', uid: 'uid-shop', ...sealedUse('shop') }).trim()).toBe(shop.key.trim())
  })
})

test('without HTTPS nothing of it is left', async () => {
  const one = balancer(https('shop'))
  await step(one)
  one.spec.listeners = [{ name: 'plain', protocol: 'http', port: 80 }]
  expect(await step(one)).toEqual({ kind: 'done' })
  expect(told()).not.toHaveProperty('certificates')
  expect(one.status).not.toHaveProperty('certificates')
  expect(valid(one).reason).toBeUndefined()
})
