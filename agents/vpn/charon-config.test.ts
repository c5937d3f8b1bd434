// SPDX-License-Identifier: Apache-2.0
// Whatever users write, charon is told it as a value of one key, or the contract refuses it.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { AUTH_ALGORITHMS, ENCRYPTION_ALGORITHMS, PFS_GROUPS, VpnConnection } from '../../lib/contract/vpn.ts'
import { decodeMessage, encodeMessage, sectionOf, sectionsOf } from '../../lib/vici/message.ts'
import {
  connectionMessage,
  espProposal,
  ikeProposal,
  intermediateMessages,
  privateKeyMessage,
  sharedKeyMessage,
  strongswanConf,
  typedIdentity,
} from './charon-config.ts'
import { CONNECTION } from './testing/connection.ts'

const POLICY = {
  encryptionAlgorithm: 'aes-256-gcm-16',
  authAlgorithm: 'sha256',
  pfs: 'group19',
  lifetimeSeconds: 3600,
} as const

test.each([
  [POLICY, 'aes256gcm16-prfsha256-ecp256', 'aes256gcm16-ecp256'],
  [
    { ...POLICY, encryptionAlgorithm: 'aes-128', authAlgorithm: 'sha512', pfs: 'group14' },
    'aes128-sha512-prfsha512-modp2048',
    'aes128-sha512-modp2048',
  ],
] as const)('proposals of %j', (policy, ike, esp) => {
  expect([ikeProposal(policy), espProposal(policy)]).toEqual([ike, esp])
})

test('every policy that the schema knows is a proposal of known words', () => {
  for (const encryptionAlgorithm of ENCRYPTION_ALGORITHMS)
    for (const authAlgorithm of AUTH_ALGORITHMS)
      for (const pfs of PFS_GROUPS) {
        const policy = { ...POLICY, encryptionAlgorithm, authAlgorithm, pfs }
        expect(ikeProposal(policy)).toMatch(
          /^aes(128|192|256)(gcm16|-sha\d{3})-prfsha\d{3}-(modp\d{4}|ecp\d{3}|curve25519)$/,
        )
        expect(espProposal(policy)).toMatch(/^aes(128|192|256)(gcm16|-sha\d{3})-(modp\d{4}|ecp\d{3}|curve25519)$/)
      }
})

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['gw.example.com', 'fqdn:gw.example.com'],
  ['gw@example.com', 'rfc822:gw@example.com'],
  ['C=CH, O=An Example, CN=gw', 'C=CH, O=An Example, CN=gw'],
])('%s is %s', (id, typed) => {
  expect(typedIdentity(id)).toBe(typed)
})

describe('no text of a user is more than a value', () => {
  const takes = (more: object) => VpnConnection.safeParse({ ...CONNECTION, ...more }).success
  test.each<[string, object]>([
    ['a wildcard', { peerID: '*.example.com' }],
    ['anybody', { peerID: '%any' }],
    ['a type of identity', { localID: 'asn1dn:#30' }],
    ['a subject with a wildcard', { peerID: 'C=CH, CN=*' }],
    ['a subject in the other form', { peerID: '/C=CH/CN=gw' }],
    ['a subject with an unknown part', { peerID: 'CN=gw, X=1' }],
    ['a key in hexadecimal', { localID: '@#0102' }],
    ['another line', { peerID: 'a\nb' }],
    ['a name to be looked up', { peerAddress: 'gw.example.com' }],
    ['any address', { peerAddress: '%any' }],
    ['a range with ports', { peerCIDRs: ['10.0.0.0/24[tcp/80]'] }],
    ['our own address', { localCIDRs: ['dynamic'] }],
    ['a cipher of no list', { ikePolicy: { ...POLICY, encryptionAlgorithm: 'null' } }],
  ])('%s is refused', (_, more) => {
    expect(takes({})).toBe(true)
    expect(takes(more)).toBe(false)
  })

  test('of what the contract takes, the message has the keys that it always has', () => {
    const shape = (message: object): string =>
      JSON.stringify(message, (_, value: unknown) => (typeof value === 'string' ? '' : value))
    const usual = shape(connectionMessage(CONNECTION, '203.0.113.5'))
    const word = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.stringMatching(/^[a-z%@#{}.:*\n"]{1,20}$/))
    fc.assert(
      fc.property(word, word, word, (peerID, localID, preSharedKey) => {
        const parsed = VpnConnection.safeParse({ ...CONNECTION, peerID, localID })
        if (!parsed.success) return
        const sent = decodeMessage(encodeMessage(connectionMessage(parsed.data, '203.0.113.5')))
        expect(shape(sent)).toBe(usual)
        const [[, own] = []] = sectionsOf(sent)
        expect(sectionOf(own, 'remote-1')).toMatchObject({
          id: expect.stringMatching(/^((fqdn|rfc822):[A-Za-z0-9_.+@-]+|[0-9.]+|([A-Za-z]+=[A-Za-z0-9 ._@-]+(, )?)+)$/),
        })
        expect(sharedKeyMessage({ ...parsed.data, preSharedKey })).toMatchObject({ data: preSharedKey })
      }),
    )
  })

  test('certificates are what is in them, and nothing else', () => {
    const certificate = { chain: ['Own+', 'Mid/'], privateKey: 'Key=', authorities: ['Root', 'More'] }
    const pem = (label: string, text: string) => `-----BEGIN ${label}-----\n${text}\n-----END ${label}-----\n`
    const [[, own] = []] = sectionsOf(connectionMessage(CONNECTION, '203.0.113.5', certificate))
    const certs = (...all: string[]) => all.map((text) => pem('CERTIFICATE', text))
    expect(sectionOf(own, 'local-1')).toMatchObject({ auth: 'pubkey', certs: certs('Own+') })
    expect(sectionOf(own, 'remote-1')).toMatchObject({ auth: 'pubkey', cacerts: certs('Root', 'More') })
    expect(privateKeyMessage(certificate)).toEqual({ type: 'any', data: pem('PRIVATE KEY', 'Key=') })
    // charon trusts none of them: the flag of an authority would.
    expect(intermediateMessages(certificate)).toEqual(
      certs('Mid/').map((data) => ({ type: 'X509', flag: 'NONE', data })),
    )
  })

  test('its file has none at all', () => {
    expect(strongswanConf('/run/x')).toContain('socket = unix:///run/x')
    expect(strongswanConf('/run/x').replace('/run/x', '')).toBe(strongswanConf('/run/y').replace('/run/y', ''))
  })
})
