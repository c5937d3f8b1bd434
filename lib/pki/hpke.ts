// SPDX-License-Identifier: Apache-2.0
// Hybrid public key encryption, RFC 9180: base mode, one message, DHKEM(X25519, HKDF-SHA256) and HKDF-SHA256, by node:crypto alone.
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'

/** RFC 9180, 7.3: its number, and the length of its key in bytes. */
export const AES_128_GCM = { id: 1, keyBytes: 16, cipher: 'aes-128-gcm' } as const
export const AES_256_GCM = { id: 2, keyBytes: 32, cipher: 'aes-256-gcm' } as const
export type Aead = typeof AES_128_GCM | typeof AES_256_GCM

const KEM_ID = 0x0020
const KDF_ID = 0x0001
const HASH_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Of a public key of X25519, and so of what is sent along with a message. */
const KEY_BYTES = 32
const NOTHING = Buffer.alloc(0)

export interface HpkeContext {
  aead: Aead
  /** What it is for: another `info` gives another key. */
  info: Buffer
  /** What is authenticated beside the message. */
  aad: Buffer
}

/** @param ephemeral for tests against the published vectors alone */
export function hpkeSeal(
  text: Buffer,
  recipient: KeyObject,
  { aead, info, aad }: HpkeContext,
  ephemeral: KeyObject = generateKeyPairSync('x25519').privateKey,
): { enc: Buffer; sealed: Buffer } {
  const enc = rawPublic(ephemeral)
  const shared = sharedSecret(diffieHellman({ privateKey: ephemeral, publicKey: recipient }), enc, rawPublic(recipient))
  const { key, nonce } = schedule(shared, info, aead)
  const cipher = createCipheriv(aead.cipher, key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(aad)
  return { enc, sealed: Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]) }
}

/** @throws when it was sealed for another key or under another context, or was changed */
export function hpkeOpen(
  { enc, sealed }: { enc: Buffer; sealed: Buffer },
  privateKey: KeyObject,
  { aead, info, aad }: HpkeContext,
): Buffer {
  if (sealed.length < TAG_BYTES) throw new Error('too short for a sealed text')
  const dh = diffieHellman({ privateKey, publicKey: readX25519(enc) })
  const { key, nonce } = schedule(sharedSecret(dh, enc, rawPublic(privateKey)), info, aead)
  const decipher = createDecipheriv(aead.cipher, key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(aad)
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()])
}

/** @param raw RFC 7748: 32 bytes. @throws when it has another length */
export function readX25519(raw: Buffer): KeyObject {
  if (raw.length !== KEY_BYTES) throw new Error(`a public key of X25519 has ${KEY_BYTES} bytes`)
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: raw.toString('base64url') }, format: 'jwk' })
}

/** The public half of a key of X25519, 32 bytes. */
export function rawPublic(key: KeyObject): Buffer {
  const { x = '' } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' })
  return Buffer.from(x, 'base64url')
}

/** 4.1, ExtractAndExpand. OpenSSL refuses points of small order, whose result would be zero. */
function sharedSecret(dh: Buffer, enc: Buffer, recipient: Buffer): Buffer {
  const suite = Buffer.concat([Buffer.from('KEM'), number(KEM_ID)])
  const secret = extract(suite, NOTHING, 'eae_prk', dh)
  return expand(suite, secret, 'shared_secret', Buffer.concat([enc, recipient]), HASH_BYTES)
}

/** 5.1, KeySchedule of the base mode; the nonce is that of the first message, the only one. */
function schedule(shared: Buffer, info: Buffer, aead: Aead): { key: Buffer; nonce: Buffer } {
  const suite = Buffer.concat([Buffer.from('HPKE'), number(KEM_ID), number(KDF_ID), number(aead.id)])
  const context = Buffer.concat([
    Buffer.from([0]),
    extract(suite, NOTHING, 'psk_id_hash', NOTHING),
    extract(suite, NOTHING, 'info_hash', info),
  ])
  const secret = extract(suite, shared, 'secret', NOTHING)
  return {
    key: expand(suite, secret, 'key', context, aead.keyBytes),
    nonce: expand(suite, secret, 'base_nonce', context, NONCE_BYTES),
  }
}

/** 4, LabeledExtract. */
function extract(suite: Buffer, salt: Buffer, label: string, input: Buffer): Buffer {
  return hmac(salt, Buffer.from('HPKE-v1'), suite, Buffer.from(label), input)
}

/** 4, LabeledExpand, of at most one block of the hash. */
function expand(suite: Buffer, key: Buffer, label: string, info: Buffer, bytes: number): Buffer {
  const labelled = [number(bytes), Buffer.from('HPKE-v1'), suite, Buffer.from(label), info]
  return hmac(key, ...labelled, Buffer.from([1])).subarray(0, bytes)
}

function hmac(key: Buffer, ...parts: readonly Buffer[]): Buffer {
  return createHmac('sha256', key).update(Buffer.concat(parts)).digest()
}

/** I2OSP(value, 2). */
function number(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff])
}
