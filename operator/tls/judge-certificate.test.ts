// SPDX-License-Identifier: Apache-2.0
import { beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { BalancerCertificate } from '../../lib/contract/documents.ts'
import { makeCertificate, type TestCertificate } from '../../lib/pki/testing/server-certificate.ts'
import { factsOf, judgeCertificate, type Memory } from './judge-certificate.ts'

const now = new Date('2026-06-01T00:00:00Z')
const make = (more: Partial<Parameters<typeof makeCertificate>[0]> = {}) =>
  makeCertificate({ names: ['shop.example.com', '*.shop.example.com'], now, ...more })
const judge = (certificate: string, key: string) => judgeCertificate(Buffer.from(certificate), Buffer.from(key), now)

let root: TestCertificate
let middle: TestCertificate
let leaf: TestCertificate
beforeAll(async () => {
  root = await make({ names: ['root'], isAuthority: true, days: 3650 })
  middle = await make({ names: ['middle'], isAuthority: true, days: 30, issuer: root })
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
  test.each<[string, Partial<Parameters<typeof makeCertificate>[0]>]>([
    ['one that signed itself', {}],
    ['RSA of 2048 bits', { rsaBits: 2048 }],
    ['ECDSA P-384', { curve: 'P-384' }],
  ])('%s', async (_, more) => {
    const one = await make(more)
    expect(judge(one.certificate, one.key)).toMatchObject({ ok: true })
  })
})

describe('what is wrong is said', () => {
  const bad = (certificate: string, key: string, reason: string, says: string) => {
    const verdict = judge(certificate, key)
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
    const old = await make({ daysBefore: 90, days: -1 })
    bad(old.certificate, old.key, 'CertificateExpired', 'certificate 1 in tls.crt expired at 2026-05-31')
    const gone = await make({ names: ['gone'], isAuthority: true, daysBefore: 90, days: 0 })
    const below = await make({ issuer: gone })
    bad(below.certificate + gone.certificate, below.key, 'CertificateExpired', 'certificate 2')
    const early = await make({ daysBefore: -1 })
    bad(early.certificate, early.key, 'CertificateInvalid', 'not valid before 2026-06-02')
  })
  test('what OpenSSL would not load', async () => {
    const short = await make({ rsaBits: 1024 })
    bad(short.certificate, short.key, 'CertificateInvalid', 'tls.key is none of')
    const other = await make({ curve: 'P-521' })
    bad(other.certificate, other.key, 'CertificateInvalid', 'tls.key is none of')
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
  })
  test('more than a document holds', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `host-${i}.a-long-name.example.com`)
    const wide = await make({ names: names as [string] })
    bad(wide.certificate, wide.key, 'CertificateInvalid', 'at most 8192')
  })
})

describe('no Secret keeps the operator busy', () => {
  const verify = jest.spyOn(X509Certificate.prototype, 'verify')
  beforeEach(() => void verify.mockClear())
  test('what is too long, or of too many certificates, is not read', () => {
    const many = judge(root.certificate.repeat(17), root.key)
    expect(many).toMatchObject({ reason: 'CertificateInvalid', message: expect.stringContaining('17 certificates') })
    const wide = judge(root.certificate + '\n'.repeat(65_536), root.key)
    expect(wide).toMatchObject({ reason: 'CertificateInvalid', message: expect.stringContaining('at most 65536') })
    const long = judge(leaf.certificate, leaf.key + '\n'.repeat(16_384))
    expect(long).toMatchObject({ reason: 'CertificateInvalid', message: expect.stringContaining('at most 16384') })
    expect(verify).not.toHaveBeenCalled()
  })
  test('keys of authorities are of the same kinds as ours, before any signature is verified', async () => {
    const slow = await make({ names: ['root'], isAuthority: true, curve: 'P-521' })
    const verdict = judge(leaf.certificate + middle.certificate + slow.certificate, leaf.key)
    expect(verdict).toMatchObject({ message: expect.stringMatching(/^certificate 3 in tls.crt has a weak key/) })
    const jwk = { kty: 'RSA', n: Buffer.alloc(513, 0xff).toString('base64url'), e: 'AQAB' }
    const long = createPublicKey({ key: jwk, format: 'jwk' })
    jest.spyOn(X509Certificate.prototype, 'publicKey', 'get').mockReturnValueOnce(long)
    const other = judge(leaf.certificate + middle.certificate, leaf.key)
    expect(other).toMatchObject({ message: expect.stringMatching(/^certificate 1 in tls.crt has a weak key/) })
    expect(verify).not.toHaveBeenCalled()
  })
  test('the same content is verified once; what time changes is judged each time', () => {
    const memory: Memory = {}
    const at = (when: Date, key = leaf.key) =>
      judgeCertificate(Buffer.from(leaf.certificate + middle.certificate), Buffer.from(key), when, memory)
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
    expect(judge(leaf.certificate, leaf.key)).toMatchObject({ reason: 'CertificateInvalid' })
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
  const filled = (some: string) => some.replaceAll('<certificate>', leaf.certificate).replaceAll('<key>', leaf.key)
  let taken = 0
  fc.assert(
    fc.property(text, fc.oneof(text, fc.constant('<key>')), (crt, key) => {
      const verdict = judge(filled(crt), filled(key))
      if (!verdict.ok) return
      taken++
      expect(BalancerCertificate.shape.chain.safeParse(verdict.certificate.chain).success).toBe(true)
      expect(verdict.certificate.chain).not.toContain('PRIVATE KEY')
    }),
    { numRuns: 1000 },
  )
  expect(taken).toBeGreaterThan(10)
})
