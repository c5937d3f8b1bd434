// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { checkedUid } from '../../paths.ts'

const PREFIX = 'nephele-'
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export const domainName = (uid: string): string => `${PREFIX}${checkedUid(uid)}`

/** Undefined when the name is not one of ours. */
export function uidOfDomainName(name: string): string | undefined {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined
}

/**
 * The machine's UUID in libvirt: its uid where that is a UUID, as Kubernetes makes them; else a UUID of version 8 derived from it (RFC
 * 9562).
 */
export function domainUuid(uid: string): string {
  if (UUID.test(uid)) return uid
  const bytes = createHash('sha256').update(checkedUid(uid)).digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

export function domainUuidBytes(uid: string): Buffer {
  return Buffer.from(domainUuid(uid).replaceAll('-', ''), 'hex')
}
