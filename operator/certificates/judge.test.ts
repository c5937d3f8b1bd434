// SPDX-License-Identifier: Apache-2.0
import { beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { BalancerCertificate } from '../../lib/contract/documents.ts'
import { VpnCertificate } from '../../lib/contract/vpn.ts'
import { createTestCertificate, type TestCertificate } from '../../lib/pki/testing/certificate.ts'
import { factsOf, SERVER_USAGE } from '../tls/server-certificate.ts'
import { VPN_USAGE } from '../vpn/certificate.ts'
import { judgeCertificates, type Memory, type Usage } from './judge.ts'

const now = new Date('2026-06-01T00:00:00Z')
const make = (more: Partial<Parameters<typeof createTestCertificate>[0]> = {}) =>
  createTestCertificate({ names: ['shop.example.com', '*.shop.example.com'], now, until: 90, ...more })
const base64 = (text: string) => Buffer.from(text).toString('base64')
const dataOf = (certificate: string, key: string, ca = root.certificate) => ({
  ...{ 'tls.crt': base64(certificate), 'tls.key': base64(key), 'ca.crt': base64(ca) },
})
const judge = (certificate: string, key: string) => judgeCertificates(dataOf(certificate, key), SERVER_USAGE, now)
/** What is true of every usage. */
const USAGES: [string, Usage<unknown>][] = [
  ['of a LoadBalancer', SERVER_USAGE],
  ['of a VPN', VPN_USAGE],
]

let root: TestCertificate
let middle: TestCertificate
let leaf: TestCertificate
beforeAll(async () => {
  root = await make({ names: ['root'], isAuthority: true, until: 3650 })
  middle = await make({ names: ['middle'], isAuthority: true, until: 30, issuer: root })
  leaf = await make({ issuer: middle })
})

describe('what is good', () => {
  test('a chain, with words around it, an end of line of another system, and a key in the older form', () => {
    const crt = `Subject: shop\n${leaf.certificate}\nmiddle:\n${middle.certificate.replaceAll('\n', '\r\n')}`
    const key = createPrivateKey(leaf.key).export({ type: 'sec1', format: 'pem' }).toString()
    const verdict = judge(crt, key)
    if (!verdict.ok) throw new Error(verdict.message)
    const { chain, key: pem } = verdict.certificate
    expect(BalancerCertificate.shape.chain.safeParse(chain).success).toBe(true)
    expect(chain).not.toContain('shop')
    expect(pem.trim()).toBe(leaf.key.trim())
    expect(factsOf(chain)).toEqual({
      notBefore: new Date('2026-05-31T00:00:00Z'),
      // That of the one between, which ends first.
      notAfter: new Date('2026-07-01T00:00:00Z'),
      fingerprint: new X509Certificate(leaf.certificate).fingerprint256.replaceAll(':', '').toLowerCase(),
      dnsNames: ['shop.example.com', '*.shop.example.com'],
    })
  })
  test.each<[string, Partial<Parameters<typeof createTestCertificate>[0]>]>([
    ['one that signed itself', {}],
    ['RSA of 2048 bits', { algorithm: 'RSA-2048' }],
    ['ECDSA P-384', { algorithm: 'P-384' }],
  ])('%s', async (_, more) => {
    const one = await make(more)
    expect(judge(one.certificate, one.key)).toMatchObject({ ok: true })
  })
})

describe.each(USAGES)('what is wrong is said: %s', (name, usage) => {
  const bad = (certificate: string, key: string, reason: string, says: string) => {
    const verdict = judgeCertificates(dataOf(certificate, key), usage, now)
    expect(verdict).toMatchObject({ ok: false, reason, message: expect.stringContaining(says) })
    // Nothing of the key is told.
    if (!verdict.ok) expect(verdict.message).not.toContain(leaf.key.slice(60, 90))
  }
  test('nothing that could be read', () => {
    bad('', leaf.key, 'CertificateInvalid', 'has no certificate in PEM')
    bad('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', leaf.key, 'CertificateInvalid', 'certificate 1')
    bad(leaf.certificate, 'key', 'CertificateInvalid', 'no private key in PEM')
    bad(leaf.certificate, root.certificate, 'CertificateInvalid', 'no private key in PEM')
  })
  test('a key with a passphrase', () => {
    const key = createPrivateKey(leaf.key).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'x',
    })
    bad(leaf.certificate, key.toString(), 'CertificateInvalid', 'is encrypted')
  })
  test('the key of another certificate, and a chain that begins with the issuer', () => {
    bad(leaf.certificate, middle.key, 'CertificateInvalid', 'does not belong to the first certificate')
    bad(middle.certificate + leaf.certificate, leaf.key, 'CertificateInvalid', 'does not belong')
  })
  test('a chain in which one does not issue the one before, though its name says so', async () => {
    const twin = await make({ names: ['middle'], isAuthority: true, issuer: root })
    bad(leaf.certificate + twin.certificate, leaf.key, 'CertificateInvalid', 'certificate 2 in tls.crt did not issue')
    const wrong = leaf.certificate + middle.certificate + middle.certificate
    bad(wrong, leaf.key, 'CertificateInvalid', 'certificate 3 in tls.crt did not issue certificate 2')
  })
  test('one that expired, or in whose chain one did, and one that is not valid yet', async () => {
    const old = await make({ from: -90, until: -1 })
    bad(old.certificate, old.key, 'CertificateExpired', 'certificate 1 in tls.crt expired at 2026-05-31')
    const gone = await make({ names: ['gone'], isAuthority: true, from: -90, until: 0 })
    const below = await make({ issuer: gone })
    bad(below.certificate + gone.certificate, below.key, 'CertificateExpired', 'certificate 2')
    const early = await make({ from: 1 })
    bad(early.certificate, early.key, 'CertificateInvalid', 'not valid before 2026-06-02')
  })
  test('what OpenSSL would not load', async () => {
    const short = await make({ algorithm: 'RSA-1024' })
    bad(short.certificate, short.key, 'CertificateInvalid', 'tls.key is none of')
    const sha1 = await make({ issuer: middle, hash: 'SHA-1' })
    bad(sha1.certificate + middle.certificate, sha1.key, 'CertificateInvalid', 'SHA-1')
  })
  test('a date that is none', async () => {
    const one = await make()
    const der = Buffer.from(new X509Certificate(one.certificate).raw)
    // notAfter, of a 13th month. Nobody checks the signature of one that stands alone.
    const at = der.indexOf('260830000000Z')
    expect(at).toBeGreaterThan(0)
    der.write('261330', at)
    const text = `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/(.{64})(?!$)/g, '$1\n')}\n-----END CERTIFICATE-----\n`
    bad(text, one.key, 'CertificateInvalid', 'certificate 1 in tls.crt has no dates')
    expect(() => factsOf(text)).toThrow('without dates')
    const authority = judgeCertificates(dataOf(leaf.certificate, leaf.key, text), VPN_USAGE, now)
    expect(authority).toMatchObject({ message: expect.stringContaining('certificate 1 in ca.crt has no dates') })
  })
  test('more than a document holds', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `host-${i}.a-long-name.example.com`)
    const wide = await make({ names: names })
    const says = name === 'of a VPN' ? 'too big' : 'at most 8192'
    bad(wide.certificate, wide.key, 'CertificateInvalid', says)
  })
})

test('browsers take no P-521, and peers of a VPN do', async () => {
  const one = await make({ algorithm: 'P-521' })
  expect(judge(one.certificate, one.key)).toMatchObject({ message: expect.stringContaining('tls.key is none of') })
  expect(judgeCertificates(dataOf(one.certificate, one.key), VPN_USAGE, now)).toMatchObject({ ok: true })
})

test('ca.crt is of no importance to a LoadBalancer', () => {
  const data = dataOf(leaf.certificate, leaf.key, 'x'.repeat(70_000))
  expect(judgeCertificates(data, SERVER_USAGE, now)).toMatchObject({ ok: true })
  expect(judgeCertificates(data, VPN_USAGE, now)).toMatchObject({
    message: expect.stringContaining('ca.crt has 70000'),
  })
})

describe.each(USAGES)('no Secret keeps the operator busy: %s', (_, usage) => {
  const verify = jest.spyOn(X509Certificate.prototype, 'verify')
  beforeEach(() => void verify.mockClear())
  const judged = (certificate: string, key: string, ca?: string) =>
    judgeCertificates(dataOf(certificate, key, ca), usage, now)
  test('what is too long, or of too many certificates, is not read', () => {
    const many = judged(root.certificate.repeat(17), root.key)
    expect(many).toMatchObject({ reason: 'CertificateInvalid', message: expect.stringContaining('17 certificates') })
    const wide = judged(root.certificate + '\n'.repeat(65_536), root.key)
    expect(wide).toMatchObject({ reason: 'CertificateInvalid', message: expect.stringContaining('at most 65536') })
    const long = judged(leaf.certificate, leaf.key + '\n'.repeat(16_384))
    expect(long).toMatchObject({ reason: 'CertificateInvalid', message: expect.stringContaining('at most 16384') })
    expect(verify).not.toHaveBeenCalled()
  })
  test('keys of authorities are of the same kinds as ours, before any signature is verified', async () => {
    const slow = await make({ names: ['root'], isAuthority: true, algorithm: 'RSA-1024' })
    const verdict = judged(leaf.certificate + middle.certificate + slow.certificate, leaf.key)
    expect(verdict).toMatchObject({ message: expect.stringMatching(/^certificate 3 in tls.crt has a weak key/) })
    const jwk = { kty: 'RSA', n: Buffer.alloc(513, 0xff).toString('base64url'), e: 'AQAB' }
    const long = createPublicKey({ key: jwk, format: 'jwk' })
    jest.spyOn(X509Certificate.prototype, 'publicKey', 'get').mockReturnValueOnce(long)
    const other = judged(leaf.certificate + middle.certificate, leaf.key)
    expect(other).toMatchObject({ message: expect.stringMatching(/^certificate 1 in tls.crt has a weak key/) })
    if (usage.mostAuthorities > 0)
      expect(judged(leaf.certificate, leaf.key, slow.certificate)).toMatchObject({
        message: expect.stringMatching(/^certificate 1 in ca.crt has a weak key/),
      })
    expect(verify).not.toHaveBeenCalled()
  })
  test('the same content is verified once; what time changes is judged each time', () => {
    const memory: Memory<unknown> = {}
    const at = (when: Date, key = leaf.key) =>
      judgeCertificates(dataOf(leaf.certificate + middle.certificate, key), usage, when, memory)
    expect([at(now).ok, at(now).ok]).toEqual([true, true])
    expect(verify).toHaveBeenCalledTimes(1)
    expect(at(new Date('2026-07-02T00:00:00Z'))).toMatchObject({ reason: 'CertificateExpired' })
    expect(at(new Date('2026-05-01T00:00:00Z'))).toMatchObject({ reason: 'CertificateInvalid' })
    expect(verify).toHaveBeenCalledTimes(1)
    expect(at(now, middle.key)).toMatchObject({ reason: 'CertificateInvalid' })
    expect(at(now).ok).toBe(true)
  })
  test('whatever OpenSSL throws is a fault of the certificate', () => {
    jest.spyOn(X509Certificate.prototype, 'publicKey', 'get').mockImplementationOnce(() => {
      throw new Error('unsupported')
    })
    expect(judged(leaf.certificate, leaf.key)).toMatchObject({ reason: 'CertificateInvalid' })
  })
})

test('names that are none are not told', async () => {
  const long = `${'a'.repeat(60)}.`.repeat(4) + 'example.com'
  const one = await make({ names: ['shop.example.com', long] })
  const verdict = judge(one.certificate, one.key)
  expect(verdict.ok && factsOf(verdict.certificate.chain).dnsNames).toEqual(['shop.example.com'])
})

test('whatever a Secret holds is judged, and what is taken keeps the contract', () => {
  const part = fc.oneof(
    fc.constantFrom('-----BEGIN CERTIFICATE-----\n', '-----END CERTIFICATE-----\n', 'AAAA\n', '\0', 'ü'),
    fc.constantFrom(...(['certificate', 'key'] as const)).map((which) => `<${which}>`),
    fc.string({ unit: 'binary', maxLength: 20 }),
  )
  const text = fc.array(part, { maxLength: 6 }).map((all) => all.join(''))
  const authorities = fc.oneof(text, fc.constant('<authority>'))
  const filled = (some: string) =>
    some
      .replaceAll('<certificate>', leaf.certificate)
      .replaceAll('<key>', leaf.key)
      .replaceAll('<authority>', root.certificate)
  const taken = { server: 0, vpn: 0 }
  fc.assert(
    fc.property(text, fc.oneof(text, fc.constant('<key>')), authorities, (crt, key, ca) => {
      const data = dataOf(filled(crt), filled(key), filled(ca))
      const vpn = judgeCertificates(data, VPN_USAGE, now)
      if (vpn.ok) taken.vpn++
      if (vpn.ok) expect(VpnCertificate.safeParse(vpn.certificate).success).toBe(true)
      const verdict = judgeCertificates(data, SERVER_USAGE, now)
      if (!verdict.ok) return
      taken.server++
      expect(BalancerCertificate.shape.chain.safeParse(verdict.certificate.chain).success).toBe(true)
      expect(verdict.certificate.chain).not.toContain('PRIVATE KEY')
    }),
    { numRuns: 1000 },
  )
  expect(Math.min(taken.server, taken.vpn)).toBeGreaterThan(10)
})
