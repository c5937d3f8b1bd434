// SPDX-License-Identifier: Apache-2.0
// What a Secret with certificates has to be, and what is said of one that is not.
import { createPrivateKey } from 'node:crypto'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { createTestCertificate, type TestCertificate, type TestSubject } from '../../lib/pki/testing/certificate.ts'
import { describeCertificate, fingerprintOf, judgeVpnCertificate, localNameOf } from './certificate.ts'

const SUBJECT = 'C=CH, O=Example, CN=gw'
const NAMES: TestSubject['names'] = [
  { type: 'dns', value: 'gw.example.com' },
  { type: 'email', value: 'gw@example.com' },
  { type: 'ip', value: '203.0.113.5' },
]
const externalIP = '203.0.113.5'
let authority: TestCertificate
let between: TestCertificate
let own: TestCertificate
const base64 = (text: string) => Buffer.from(text).toString('base64')
const secret = (crt: string, { key }: { key: string }, ca: string) => ({
  ...{ 'tls.crt': base64(crt), 'tls.key': base64(key), 'ca.crt': base64(ca) },
})
const judge = (data: Record<string, string>, localID?: string, now = new Date()) =>
  judgeVpnCertificate(data, { localID, externalIP }, { what: 'Secret ns/s', now })
/** What is said of it; undefined: nothing is wrong. */
const said = (data: Record<string, string>, localID?: string, now?: Date) => {
  const verdict = judge(data, localID, now)
  return verdict.ok || verdict.outcome.kind !== 'wait' ? undefined : verdict.outcome
}
const leaf = (more: Partial<TestSubject> = {}) =>
  createTestCertificate({ subject: SUBJECT, names: NAMES, issuer: authority, ...more })

beforeAll(async () => {
  authority = await createTestCertificate({ subject: 'O=Example, CN=root', isAuthority: true })
  between = await createTestCertificate({ subject: 'CN=between', isAuthority: true, issuer: authority })
  own = await leaf()
})

test('certificates, their key and authorities are taken as they are, without what stands around them', async () => {
  const below = await leaf({ issuer: between })
  const verdict = judge(secret(`A text.\n${below.certificate}\n${between.certificate}`, below, authority.certificate))
  if (!verdict.ok) throw new Error(JSON.stringify(verdict))
  const { chain, privateKey, authorities } = verdict.object
  expect([chain.length, authorities.length]).toEqual([2, 1])
  const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' })
  expect(key.equals(createPrivateKey(below.key))).toBe(true)
  expect(describeCertificate(verdict.object)).toMatchObject({
    ...{ subject: SUBJECT, issuer: 'CN=between', notAfter: expect.stringMatching(/^\d{4}-.*Z$/) },
  })
  expect(fingerprintOf(verdict.object)).toMatch(/^[0-9a-f]{64}$/)
})

test.each<[string | undefined, string | undefined]>([
  [undefined, undefined],
  ['gw.example.com', undefined],
  ['GW.example.com', undefined],
  ['gw@example.com', undefined],
  [externalIP, undefined],
  [SUBJECT, undefined],
  ['gw', 'CertificateInvalid'],
  ['other.example.com', 'CertificateInvalid'],
  ['203.0.113.6', 'CertificateInvalid'],
  ['other@example.com', 'CertificateInvalid'],
  ['C=CH, CN=gw', 'CertificateInvalid'],
])('as %s it proves itself: %s', (localID, reason) => {
  const outcome = said(secret(own.certificate, own, authority.certificate), localID)
  expect(outcome?.reason).toBe(reason)
  if (outcome) expect(outcome.message).toContain('203.0.113.5; gw.example.com; gw@example.com')
})

test.each<[string, Partial<TestSubject>, string]>([
  ['our address', {}, externalIP],
  [
    'its first name',
    {
      names: [
        { type: 'dns', value: 'a.example.com' },
        { type: 'ip', value: '192.0.2.1' },
      ],
    },
    'a.example.com',
  ],
  ['no wildcard', { names: [{ type: 'dns', value: '*.example.com' }] }, SUBJECT],
  ['its subject', { names: [] }, SUBJECT],
])('without a localID it is %s', async (_, more, name) => {
  const one = await leaf(more)
  const verdict = judge(secret(one.certificate, one, authority.certificate))
  expect(verdict.ok && localNameOf(verdict.object, { localID: undefined, externalIP })).toBe(name)
})

describe('what is wrong', () => {
  const DAY = 24 * 3600 * 1000
  test.each<[string, () => Promise<Record<string, string>>, string, RegExp]>([
    ['no certificate', async () => secret('none', own, authority.certificate), 'CertificateInvalid', /tls\.crt has no/],
    ['no authority', async () => secret(own.certificate, own, ''), 'CertificateInvalid', /ca\.crt has no/],
    [
      'a broken one',
      async () => secret(own.certificate.replace(/\n\w{8}/, '\nAAAAAAAA'), own, authority.certificate),
      'CertificateInvalid',
      /tls\.crt/,
    ],
    [
      'no key',
      async () => secret(own.certificate, { key: 'none' }, authority.certificate),
      'CertificateInvalid',
      /tls\.key is no private/,
    ],
    [
      'another’s key',
      async () => secret(own.certificate, between, authority.certificate),
      'CertificateInvalid',
      /tls\.key does not belong/,
    ],
    [
      'a key with a passphrase',
      async () =>
        secret(
          own.certificate,
          {
            key: createPrivateKey(own.key).export({
              type: 'pkcs8',
              format: 'pem',
              cipher: 'aes-256-cbc',
              passphrase: 'x',
            }) as string,
          },
          authority.certificate,
        ),
      'CertificateInvalid',
      /without a passphrase/,
    ],
    [
      'an authority that is none',
      async () => secret(own.certificate, own, own.certificate),
      'CertificateInvalid',
      /no authority’s/,
    ],
    [
      'a weak key',
      async () => {
        const weak = await leaf({ algorithm: 'RSA-1024' })
        return secret(weak.certificate, weak, authority.certificate)
      },
      'CertificateInvalid',
      /2048 to 4096/,
    ],
    [
      'too many',
      async () => secret(own.certificate.repeat(5), own, authority.certificate),
      'CertificateInvalid',
      /at most 4 are read/,
    ],
    [
      'one of tomorrow',
      async () => {
        const late = await leaf({ from: 1 })
        return secret(late.certificate, late, authority.certificate)
      },
      'CertificateInvalid',
      /not valid before/,
    ],
    [
      'one of yesterday',
      async () => {
        const old = await leaf({ from: -3, until: -1 })
        return secret(old.certificate, old, authority.certificate)
      },
      'CertificateExpired',
      /in tls\.crt expired at/,
    ],
    [
      'too big',
      async () => {
        const names = Array.from({ length: 200 }, (_, i) => ({ type: 'dns' as const, value: `host-${i}.example.com` }))
        const big = await leaf({ names })
        return secret(big.certificate, big, authority.certificate)
      },
      'CertificateInvalid',
      /too big/,
    ],
    [
      'very much of anything',
      async () => secret('x'.repeat(70_000), own, authority.certificate),
      'CertificateInvalid',
      /at most 65536 are read/,
    ],
  ])('%s', async (_, data, reason, message) => {
    const secretData = await data()
    expect(said(secretData)).toMatchObject({ reason, message: expect.stringMatching(message) })
    // Nothing of the private key is told.
    expect(said(secretData)?.message).not.toContain(own.key.split('\n')[1])
  })

  test('what stands between is to be in its order, and of keys as good as ours', async () => {
    const below = await leaf({ issuer: between })
    const weak = await createTestCertificate({ ...{ subject: 'CN=weak', algorithm: 'RSA-1024' }, isAuthority: true })
    const others: [TestCertificate, string][] = [
      [authority, 'certificate 2 in tls.crt did not issue certificate 1'],
      [weak, 'certificate 2 in tls.crt has a weak key'],
    ]
    for (const [other, message] of others)
      expect(said(secret(below.certificate + other.certificate, below, authority.certificate))).toMatchObject({
        ...{ reason: 'CertificateInvalid', message: expect.stringContaining(message) },
      })
  })

  test('an authority that expires, on its day', () => {
    const data = secret(own.certificate, own, authority.certificate)
    expect(said(data, undefined, new Date(Date.now() + 29 * DAY))).toBeUndefined()
    expect(said(data, undefined, new Date(Date.now() + 31 * DAY))?.reason).toBe('CertificateExpired')
  })

  test.each(['RSA-2048', 'P-384', 'P-521'] as const)('and %s is right', async (algorithm) => {
    const one = await leaf({ algorithm })
    expect(said(secret(one.certificate, one, authority.certificate))).toBeUndefined()
  })
})

describe('extensions that whoever does not know them has to refuse', () => {
  const OWN = { '1.2.3.4': '0500' }
  test('those that charon knows are taken', async () => {
    const known = await leaf({ critical: { '2.5.29.54': '020102' } })
    expect(said(secret(known.certificate, known, authority.certificate))).toBeUndefined()
  })
  test.each([
    [
      'certificate 1 in tls.crt',
      async () => {
        const odd = await leaf({ critical: OWN })
        return secret(odd.certificate, odd, authority.certificate)
      },
    ],
    [
      'certificate 2 in tls.crt',
      async () => {
        const odd = await createTestCertificate({
          subject: 'CN=odd',
          isAuthority: true,
          issuer: authority,
          critical: OWN,
        })
        const below = await leaf({ issuer: odd })
        return secret(`${below.certificate}\n${odd.certificate}`, below, authority.certificate)
      },
    ],
    [
      'certificate 1 in ca.crt',
      async () => {
        const odd = await createTestCertificate({ subject: 'CN=odd', isAuthority: true, critical: OWN })
        return secret(own.certificate, own, odd.certificate)
      },
    ],
  ])('%s: not this one', async (where, make) => {
    expect(said(await make())).toMatchObject({
      reason: 'CertificateInvalid',
      message: expect.stringContaining(`${where} has a critical extension (1.2.3.4)`),
    })
  })
})
