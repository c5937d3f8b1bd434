// SPDX-License-Identifier: Apache-2.0
import { X509Certificate, generateKeyPairSync } from 'node:crypto'
import { beforeAll, describe, expect, test } from '@jest/globals'
import {
  createAuthority,
  isAnsweredBy,
  isDueForRenewal,
  loadAuthority,
  renewAuthority,
  signRequest,
  type Authority,
} from './authority.ts'
import { createPrivateKey, createRequest } from './key.ts'

const NOW = new Date('2026-01-01T00:00:00Z')
const DAY_MS = 24 * 3600 * 1000
const SUBJECT = { commonName: 'n1.example.com', names: ['n1.example.com', '192.0.2.1', '2001:db8::1'] }

let authority: Authority
let authorityPem: string
let request: string

beforeAll(async () => {
  const files = await createAuthority('test', 3650, NOW)
  authority = await loadAuthority(files)
  authorityPem = files.certificate
  request = await createRequest(await createPrivateKey(), 'somebody-else')
})

const sign = (pem: string, now = NOW) => signRequest(pem, SUBJECT, { authority, days: 90, now })

describe('signRequest', () => {
  test('gives the names that are proven, not those asked for', async () => {
    const certificate = new X509Certificate(await sign(request))
    expect(certificate.subject).toBe('CN=n1.example.com')
    expect(certificate.checkHost('n1.example.com')).toBe('n1.example.com')
    expect(certificate.checkHost('somebody-else')).toBeUndefined()
    expect(certificate.checkIP('192.0.2.1')).toBe('192.0.2.1')
    expect(certificate.checkIP('2001:db8::1')).toBe('2001:db8::1')
    expect(certificate.verify(new X509Certificate(authorityPem).publicKey)).toBe(true)
    expect(certificate.ca).toBe(false)
    expect(certificate.keyUsage.sort()).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  })

  test('lasts no longer than its authority', async () => {
    const late = new Date(NOW.getTime() + 3600 * DAY_MS)
    const certificate = new X509Certificate(await sign(request, late))
    expect(certificate.validToDate.getTime()).toBe(authority.certificate.notAfter.getTime())
  })

  test.each([
    ['text', 'hello'],
    ['nothing', ''],
    ['a certificate', () => authorityPem],
    [
      'one with a changed byte',
      () => request.replace(/^(.{80})(.)/s, (_all, head: string, byte: string) => head + (byte === 'A' ? 'B' : 'A')),
    ],
  ])('refuses %s', async (_name, pem) => {
    await expect(sign(typeof pem === 'string' ? pem : pem())).rejects.toMatchObject({
      reason: 'CertificateRequestInvalid',
    })
  })

  test('refuses another curve', async () => {
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    })
    await expect(createRequest(privateKey, 'n')).rejects.toThrow()
  })
})

describe('renewal', () => {
  test('is due at two thirds of the life', async () => {
    const pem = await sign(request)
    expect(isDueForRenewal(pem, new Date(NOW.getTime() + 59 * DAY_MS))).toBe(false)
    expect(isDueForRenewal(pem, new Date(NOW.getTime() + 61 * DAY_MS))).toBe(true)
    expect(isDueForRenewal('broken', NOW)).toBe(true)
  })

  test('a request is answered by its own certificate for the same names, until renewal is due', async () => {
    const pem = await sign(request)
    const asked = (r: string, names: string[], at: Date) =>
      isAnsweredBy(r, pem, { ...SUBJECT, names }, { authority, now: at })
    expect(await asked(request, SUBJECT.names, NOW)).toBe(true)
    expect(await asked(request, [...SUBJECT.names].reverse(), NOW)).toBe(true)
    expect(await asked(request, ['192.0.2.9'], NOW)).toBe(false)
    expect(await asked(await createRequest(await createPrivateKey(), 'n1'), SUBJECT.names, NOW)).toBe(false)
    expect(await asked(request, SUBJECT.names, new Date(NOW.getTime() + 61 * DAY_MS))).toBe(false)
    const other = await loadAuthority(await createAuthority('other', 1, NOW))
    expect(await isAnsweredBy(request, pem, SUBJECT, { authority: other, now: NOW })).toBe(false)
  })
})

describe('renewAuthority', () => {
  const late = new Date(NOW.getTime() + 3000 * DAY_MS)

  test('what was signed under either is trusted by who has the other', async () => {
    const leaf = new X509Certificate(await sign(request))
    const files = await renewAuthority(authority, 3650, late)
    const [before, after] = [new X509Certificate(authorityPem), new X509Certificate(files!.certificate)]
    expect(after.validToDate.getTime() - late.getTime()).toBe(3650 * DAY_MS)
    expect([after.ca, after.subject, after.serialNumber === before.serialNumber]).toEqual([true, before.subject, false])
    const renewed = await loadAuthority(files!)
    const later = new X509Certificate(await signRequest(request, SUBJECT, { authority: renewed, days: 90, now: late }))
    for (const one of [leaf, later])
      for (const from of [before, after])
        expect([one.checkIssued(from), one.verify(from.publicKey)]).toEqual([true, true])
    // Nothing is signed anew for it.
    expect(await isAnsweredBy(request, leaf.toString(), SUBJECT, { authority: renewed, now: NOW })).toBe(true)
  })

  test('that of a higher one is left to it, and a key that is not its own is said', async () => {
    const other = await loadAuthority(await createAuthority('test', 3650, NOW))
    await expect(renewAuthority({ ...authority, privateKey: other.privateKey }, 1, NOW)).rejects.toThrow('is another')
    const signed = await loadAuthority({ certificate: await sign(request), privateKey: await createPrivateKey() })
    expect(await renewAuthority(signed, 1, NOW)).toBeUndefined()
  })
})
