// SPDX-License-Identifier: Apache-2.0
// The test vector of RFC 9180, A.1.1: its authors' bytes, and not ours.
import { expect, test } from '@jest/globals'
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { AES_128_GCM, hpkeOpen, hpkeSeal, rawPublic, readX25519 } from './hpke.ts'

const hex = (text: string) => Buffer.from(text, 'hex')
const keyOf = (secret: string, pub: string): KeyObject =>
  createPrivateKey({
    key: { kty: 'OKP', crv: 'X25519', d: hex(secret).toString('base64url'), x: hex(pub).toString('base64url') },
    format: 'jwk',
  })
const ENC = '37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431'
const PUBLIC = '3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d'
const ephemeral = keyOf('52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736', ENC)
const recipient = keyOf('4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8', PUBLIC)
const context = {
  aead: AES_128_GCM,
  info: hex('4f6465206f6e2061204772656369616e2055726e'),
  aad: hex('436f756e742d30'),
}
const TEXT = hex('4265617574792069732074727574682c20747275746820626561757479')
const SEALED = 'f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a'

test('what is sealed is what the RFC says', () => {
  const { enc, sealed } = hpkeSeal(TEXT, readX25519(hex(PUBLIC)), context, ephemeral)
  expect(enc.toString('hex')).toBe(ENC)
  expect(sealed.toString('hex')).toBe(SEALED)
  expect(rawPublic(recipient).toString('hex')).toBe(PUBLIC)
})

test('what the RFC sealed is opened', () => {
  expect(hpkeOpen({ enc: hex(ENC), sealed: hex(SEALED) }, recipient, context)).toEqual(TEXT)
})
