// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { createAuthority, loadAuthority, type Authority } from '../../lib/pki/authority.ts'
import { createPrivateKey, createRequest } from '../../lib/pki/key.ts'
import { keyIdOf } from '../../lib/pki/key-id.ts'
import { NBD_AUTHORITY } from '../../lib/pki/nbd-authority.ts'
import { checkEvery, readLifetimes } from './certificate-lifetimes.ts'
import { NbdCertificates, type NbdCertificate } from './nbd-certificates.ts'

const NOW = new Date('2026-06-01T00:00:00Z')
const later = (days: number) => new Date(NOW.getTime() + days * 24 * 3600 * 1000)
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'

let authority: Authority
let authorityPem: string
let requests: { client: string; server: string }
const newRequest = async () => createRequest(await createPrivateKey(), 'somebody-else')

beforeAll(async () => {
  const files = await createAuthority(NBD_AUTHORITY.commonName, NBD_AUTHORITY.days, NOW)
  authority = await loadAuthority(files)
  authorityPem = files.certificate
  requests = { client: await newRequest(), server: await newRequest() }
})

function leader(published?: NbdCertificate) {
  const spec = { roles: {}, ...(published ? { nbd: published } : {}) }
  const read = async () => (published ? { kind: 'node', tombstone: false, spec } : undefined) as never
  const certificates = new NbdCertificates({ authority, authorityPem, desired: { read } })
  return async (at: Date, nbdRequests = requests) => {
    const issued = await certificates.ensure({ node: 'n1', uid: 'u', inventory: { nbdRequests } }, at)
    return issued as NbdCertificate
  }
}

describe('a node’s certificates for volumes', () => {
  test.each([
    ['a tombstone', { kind: 'node', tombstone: true }],
    ['a document of another kind', { kind: 'image', tombstone: false, spec: { nbd: { client: 'x', server: 'x' } } }],
  ])('none was issued by %s', async (_, published) => {
    const desired = { read: async () => published as never }
    const certificates = new NbdCertificates({ authority, authorityPem, desired })
    const ensure = (inventory: object) => certificates.ensure({ node: 'n1', uid: 'u', inventory }, NOW)
    expect(await ensure({})).toBeUndefined()
    const first = await ensure({ nbdRequests: requests })
    expect(first?.authority).toBe(authorityPem)
    expect(await ensure({ nbdRequests: requests })).toEqual(first)
  })
  test('what opens them names node and key, opens alone, and lasts as long as its authority', async () => {
    const { client } = await leader()(NOW)
    const certificate = new X509Certificate(client)
    expect(certificate.subject).toBe(`CN=n1\nOU=${keyIdOf(requests.client)}`)
    expect(certificate.keyUsage).toEqual([CLIENT_AUTH])
    expect(certificate.validToDate).toEqual(authority.certificate.notAfter)
    expect(certificate.validToDate.getTime()).toBeGreaterThan(later(29 * 365).getTime())
  })
  test('what serves them serves alone, and is for the node’s name', async () => {
    const { server } = await leader()(NOW)
    const certificate = new X509Certificate(server)
    expect(certificate.keyUsage).toEqual([SERVER_AUTH])
    expect([certificate.checkHost('n1'), certificate.checkHost('n2')]).toEqual(['n1', undefined])
  })
  test('both stay, with a new leader too, until the server’s is due; what opens volumes stays then as well', async () => {
    const first = await leader()(NOW)
    expect(await leader(first)(later(100))).toEqual(first)
    const second = await leader(first)(later(500))
    expect(second.client).toBe(first.client)
    expect(second.server).not.toBe(first.server)
  })
  test('another key, another name: the list of a volume’s holders tells them apart', async () => {
    const first = await leader()(NOW)
    const anew = await leader(first)(NOW, { ...requests, client: await newRequest() })
    expect(new X509Certificate(anew.client).subject).not.toBe(new X509Certificate(first.client).subject)
    expect(anew.server).toBe(first.server)
  })
  test('none without a request; a broken one is refused', async () => {
    const certificates = new NbdCertificates({ authority, authorityPem, desired: { read: async () => undefined } })
    expect(await certificates.ensure({ node: 'n1', uid: 'u', inventory: {} }, NOW)).toBeUndefined()
    await expect(leader()(NOW, { client: 'x', server: 'y' })).rejects.toMatchObject({
      reason: 'CertificateRequestInvalid',
    })
  })
})

describe('lifetimes', () => {
  test('are days, and seconds when somebody says so; ages are looked at often enough', () => {
    expect(readLifetimes({})).toEqual({ nodeDays: 3, nbdServerDays: 730 })
    expect(checkEvery(readLifetimes({}))).toBe(7.2 * 3600 * 1000)
    const short = readLifetimes({
      NEPHELE_NODE_CERTIFICATE_SECONDS: '60',
      NEPHELE_NBD_SERVER_CERTIFICATE_SECONDS: '90',
    })
    expect([short.nodeDays * 86_400, short.nbdServerDays * 86_400]).toEqual([60, 90])
    expect(checkEvery(short)).toBe(6_000)
  })
  test.each(['0', '9', '-60', '1h', '60.5'])('%j is refused by the variable’s name', (text) => {
    expect(() => readLifetimes({ NEPHELE_NODE_CERTIFICATE_SECONDS: text })).toThrow('NEPHELE_NODE_CERTIFICATE_SECONDS')
  })
})
