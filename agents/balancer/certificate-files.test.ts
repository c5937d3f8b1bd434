// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  sealedUse,
  type BalancerCertificate,
  type BalancerListener,
  type BalancerSpec,
} from '../../lib/contract/documents.ts'
import { seal } from '../../lib/pki/sealed.ts'
import { createTestCertificate, type TestCertificate } from '../../lib/pki/testing/certificate.ts'
import { SealingKey } from '../node/sealing-key.ts'
import { removeOtherCertificates, writeCertificates } from './certificate-files.ts'
import { renderHaproxy } from './haproxy-config.ts'
import { tlsBind, tlsGlobal } from './tls-config.ts'

let shop: TestCertificate
let other: TestCertificate
beforeAll(async () => {
  shop = await createTestCertificate({ names: ['shop.example.com'] })
  other = await createTestCertificate({ names: ['other.example.com'] })
})
let stateDir: string
let folder: string
let sealing: SealingKey
let sealingKey: string
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'certificates-'))
  folder = join(stateDir, 'run', 'u')
  sealing = new SealingKey(stateDir, 'g1')
  sealingKey = await sealing.announce()
})
afterEach(() => rm(stateDir, { recursive: true, force: true }))

const toldOf = (name: string, { certificate, key }: TestCertificate, forNode = 'g1'): BalancerCertificate => ({
  ...{ name, chain: certificate },
  sealedKey: seal(key, sealingKey, { node: forNode, uid: 'u', ...sealedUse(name) }),
})
const place = () => ({ uid: 'u', folder })
const present = () => readdir(join(folder, 'tls'))

test('HAProxy’s master process alone reads them; those of before go once it has been told', async () => {
  const files = await writeCertificates(
    { certificates: [toldOf('shop', shop), toldOf('a.b', other)] },
    place(),
    sealing,
  )
  const file = files.get('shop') ?? ''
  expect(await readFile(file, 'utf8')).toBe(shop.certificate + shop.key)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect((await stat(join(folder, 'tls'))).mode & 0o777).toBe(0o700)
  // No name of a user's is the name of a file, or a word of HAProxy's configuration.
  expect(
    [...files.values()].every((one) => /^[0-9a-f]{32}\.pem$/.test(one.slice(join(folder, 'tls').length + 1))),
  ).toBe(true)

  const next = await createTestCertificate({ names: ['shop.example.com'] })
  const renewed = await writeCertificates({ certificates: [toldOf('shop', next)] }, place(), sealing)
  expect(renewed.get('shop')).not.toBe(file)
  expect(await present()).toHaveLength(3)
  await removeOtherCertificates(folder, renewed)
  expect(await present()).toHaveLength(1)
  await removeOtherCertificates(join(stateDir, 'nowhere'), renewed)
})

test('what is there need not be opened again', async () => {
  const certificates = [toldOf('shop', shop)]
  await writeCertificates({ certificates }, place(), sealing)
  const lost = { open: () => Promise.reject(new Error('the key is gone')) }
  expect((await writeCertificates({ certificates }, place(), lost)).size).toBe(1)
  await rm(join(folder, 'tls'), { recursive: true })
  await expect(writeCertificates({ certificates }, place(), lost)).rejects.toThrow('the key is gone')
})

describe('nothing is written of', () => {
  test('a key that does not belong to its certificate, or is none', async () => {
    for (const key of [other.key, 'nonsense']) {
      const certificates = [toldOf('shop', { ...shop, key })]
      await expect(writeCertificates({ certificates }, place(), sealing)).rejects.toMatchObject({
        reason: 'CertificateInvalid',
      })
      expect(await present()).toEqual([])
    }
  })
  test('one that was sealed for another node', async () => {
    const certificates = [toldOf('shop', shop, 'g2')]
    await expect(writeCertificates({ certificates }, place(), sealing)).rejects.toMatchObject({
      reason: 'SealedForAnotherKey',
    })
    expect(await present()).toEqual([])
  })
})

describe('what HAProxy is told of TLS', () => {
  const listener: BalancerListener = {
    ...{ name: 'web', port: 443, pool: 'web', rules: [], maxConnections: 10 },
    timeouts: { client: 1, connect: 1, server: 1 },
    tls: { certificates: ['shop', 'other'], minVersion: '1.3' },
  }
  const files = new Map([
    ['shop', '/run/b.pem'],
    ['other', '/run/a.pem'],
  ])
  test('certificates in their order, versions, and HTTP/2', () => {
    expect(tlsBind(listener, files)).toBe(' ssl crt /run/b.pem crt /run/a.pem alpn h2,http/1.1 ssl-min-ver TLSv1.3')
    const global = tlsGlobal([listener]).join('\n')
    expect(global).toContain('no-tls-tickets')
    expect(global).not.toMatch(/CBC|SHA1|3DES|RC4|[: ](DHE|AES|RSA)-/)
  })
  test('members are told, and redirects lead to HTTPS again', () => {
    const rules = [
      { hostnames: [], paths: [], action: { type: 'redirect' as const, statusCode: 301 as const, path: '/new' } },
    ]
    const spec: BalancerSpec = {
      port: {
        ...{ logicalPort: 'service-a', networkUid: 'a', mac: '02:00:00:00:00:01', mtu: 1500 },
        ...{ addresses: [{ address: '10.0.0.2', prefixLength: 24 }], gateways: [] },
      },
      ...{ sharedAddress: '10.0.0.3', listeners: [{ ...listener, rules }], pools: [{ name: 'web', members: [] }] },
    }
    const text = renderHaproxy(spec, { chroot: '/c', stateFile: '/s', certificates: files })
    expect(text).toContain('bind 0.0.0.0:443 ssl crt /run/b.pem crt /run/a.pem ')
    expect(text).toContain('http-request set-header X-Forwarded-Proto https\n')
    expect(text).toMatch(/redirect location 'https:.*\/new' code 301/)
  })
  test('nothing, where nobody listens for it', () => {
    const { tls, ...plain } = listener
    expect([tlsBind(plain, files), tlsGlobal([plain])]).toEqual(['', []])
    expect(() => tlsBind({ ...plain, tls: { ...tls!, certificates: ['x'] } }, files)).toThrow('does not have')
  })
})
