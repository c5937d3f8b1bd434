// SPDX-License-Identifier: Apache-2.0
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { parsePublicKey, toKeyLine } from './public-key.ts'

const text = (s: string) => Buffer.from(s, 'latin1')
const field = (data: Buffer) => Buffer.concat([Buffer.from([0, 0, data.length >> 8, data.length & 255]), data])
const line = (type: string, ...parts: Buffer[]) =>
  `${type} ${Buffer.concat([field(text(type)), ...parts.map(field)]).toString('base64')} me@host`

/** A key that promises one byte more than it has. */
const cutOff = Buffer.concat([field(text('ssh-ed25519')), Buffer.from([0, 0, 0, 33]), Buffer.alloc(32)])

describe('parsePublicKey', () => {
  test('agrees with ssh-keygen -l', () => {
    // From ssh-keygen(1), made once and kept.
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl github'
    expect(parsePublicKey(key)).toEqual({
      type: 'ssh-ed25519',
      fingerprint: 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU',
    })
  })
  test('ecdsa and rsa', () => {
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
    const point = Buffer.concat([Buffer.from([4]), Buffer.from(ec.x!, 'base64url'), Buffer.from(ec.y!, 'base64url')])
    expect(parsePublicKey(line('ecdsa-sha2-nistp256', text('nistp256'), point)).type).toBe('ecdsa-sha2-nistp256')
    expect(parsePublicKey(line('ssh-rsa', Buffer.from([1, 0, 1]), Buffer.alloc(256, 7))).fingerprint).toMatch(
      /^SHA256:[A-Za-z0-9+/]{43}$/,
    )
  })
  test('an RSA key of exactly the least length is taken', () => {
    expect(parsePublicKey(line('ssh-rsa', Buffer.from([3]), Buffer.alloc(128, 7))).type).toBe('ssh-rsa')
  })
  test('a field may be empty: a FIDO key’s application', () => {
    const sk = line('sk-ssh-ed25519@openssh.com', Buffer.alloc(32), Buffer.alloc(0))
    expect(parsePublicKey(sk).type).toBe('sk-ssh-ed25519@openssh.com')
  })
  test.each([
    ['', 'unknown type'],
    ['ssh-dss AAAA', 'unknown type'],
    ['constructor AAAA', 'unknown type'],
    ['ssh-ed25519', 'another type'],
    ['ssh-ed25519 !!!!', 'not base64'],
    [line('ssh-ed25519', Buffer.alloc(31)), '32 bytes'],
    [line('ssh-ed25519', Buffer.alloc(32), Buffer.alloc(1)), 'behind it'],
    [line('ssh-rsa', Buffer.from([3]), Buffer.alloc(64)), 'shorter than'],
    [`ssh-rsa ${line('ssh-ed25519', Buffer.alloc(32)).split(' ')[1]}`, 'another type'],
    [`ssh-ed25519 ${Buffer.from([0, 0, 1, 0, 65]).toString('base64')}`, 'cut off'],
    [`ssh-ed25519 ${Buffer.from([0, 0, 0]).toString('base64')}`, 'cut off'],
    [`ssh-ed25519 ${cutOff.toString('base64')}`, 'cut off'],
    [`ssh-ed25519 ${Buffer.from([0, 0, 0]).toString('base64')}`, 'cut off'],
    [line('ssh-rsa', Buffer.from([3])), 'cut off'],
    [line('ssh-rsa', Buffer.from([3]), Buffer.alloc(127)), 'shorter than 1024 bits'],
  ])('%j is refused', (key, why) => {
    expect(() => parsePublicKey(key)).toThrow(
      expect.objectContaining({ reason: 'InvalidPublicKey', message: expect.stringContaining(why) }),
    )
  })
})

describe('blanks and comments are the writer’s business', () => {
  const KEY = 'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl'
  test.each([
    [`ssh-ed25519 ${KEY}`, `ssh-ed25519 ${KEY}`],
    [`ssh-ed25519  ${KEY}   Jürgen  Müller (工作)\n`, `ssh-ed25519 ${KEY} Jürgen  Müller (工作)`],
    [` ssh-ed25519\t${KEY}\tme@host `, `ssh-ed25519 ${KEY} me@host`],
  ])('%j', (written, line) => {
    expect(parsePublicKey(written).type).toBe('ssh-ed25519')
    expect(toKeyLine(written)).toBe(line)
  })
})
