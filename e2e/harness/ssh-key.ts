// SPDX-License-Identifier: Apache-2.0
import { generateKeyPairSync } from 'node:crypto'

/** As a .pub file has it: RFC 4253 section 6.6, RFC 8709. */
export function newKey(): string {
  const raw = Buffer.from(generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
  const field = (data: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, data.length]), data])
  return `ssh-ed25519 ${Buffer.concat([field(Buffer.from('ssh-ed25519')), field(raw)]).toString('base64')} me`
}
