// SPDX-License-Identifier: Apache-2.0
/**
 * Texts that one node alone can read, though the bus carries and stores them (docs/decisions/0054): HPKE (RFC 9180) for the node's sealing key,
 * DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. In the form
 *
 *     v1.<public key that it is for>.<encapsulated key>.<text and tag>
 *
 * each in base64url without padding. `info` is `nephele sealed v1`, and the authenticated data the JSON array of node, kind, UID and use: what was
 * sealed for one node, object or use is none for another.
 */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { z } from 'zod'
import { AES_256_GCM, hpkeOpen, hpkeSeal, rawPublic, readX25519, type HpkeContext } from './hpke.ts'

/** What a sealed text is for. */
export interface SealedFor {
  node: string
  /** Of the document that carries it. */
  kind: string
  uid: string
  /** Such as `certificates/NAME`: which of the document's. */
  use: string
}

const base64url = /[A-Za-z0-9_-]/.source
/** 32 bytes in base64url. */
export const SEALING_KEY = /^[A-Za-z0-9_-]{43}$/
const MOST_CHARACTERS = 16_384
export const SealedText = z
  .string()
  .max(MOST_CHARACTERS)
  .regex(new RegExp(`^v1\\.${base64url}{43}\\.${base64url}{43}\\.${base64url}+$`))
export type SealedText = z.infer<typeof SealedText>

/** @returns PKCS #8 in PEM; a secret */
export function createSealingKey(): string {
  return generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** The half that others seal for. @throws when it is no key of X25519 in PEM */
export function sealingKeyOf(privateKeyPem: string): string {
  const key = createPrivateKey(privateKeyPem)
  if (key.asymmetricKeyType !== 'x25519') throw new Error('a sealing key is one of X25519')
  return rawPublic(key).toString('base64url')
}

/** Each time another text. @throws when `sealingKey` is none: also one of small order, with which anybody could open it */
export function seal(text: string, sealingKey: string, purpose: SealedFor): SealedText {
  const recipient = readX25519(Buffer.from(sealingKey, 'base64url'))
  const { enc, sealed } = hpkeSeal(Buffer.from(text), recipient, contextOf(purpose))
  return ['v1', sealingKey, enc.toString('base64url'), sealed.toString('base64url')].join('.')
}

/** Whether things can be sealed for it: not every text of its form is a key. */
export function isSealingKey(text: string): boolean {
  try {
    seal('', text, { node: '', kind: '', uid: '', use: '' })
    return true
  } catch {
    return false
  }
}

/** For which key it was sealed. Pure. */
export function recipientOf(sealed: SealedText): string {
  return sealed.split('.')[1] ?? ''
}

/** @throws when it is for another key or purpose, or was changed: the message tells nothing of the text */
export function unseal(sealed: SealedText, privateKeyPem: string, purpose: SealedFor): string {
  const [version, , enc = '', text = ''] = sealed.split('.')
  if (version !== 'v1') throw new Error('a sealed text of a version that is not known')
  if (recipientOf(sealed) !== sealingKeyOf(privateKeyPem))
    throw new Error("it is sealed for another key than the node's")
  const parts = { enc: Buffer.from(enc, 'base64url'), sealed: Buffer.from(text, 'base64url') }
  return hpkeOpen(parts, createPrivateKey(privateKeyPem), contextOf(purpose)).toString('utf8')
}

function contextOf({ node, kind, uid, use }: SealedFor): HpkeContext {
  return {
    aead: AES_256_GCM,
    info: Buffer.from('nephele sealed v1'),
    aad: Buffer.from(JSON.stringify([node, kind, uid, use])),
  }
}
