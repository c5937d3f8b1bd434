// SPDX-License-Identifier: Apache-2.0
import type { IPClaim } from '../../lib/api/types.ts'
import type { ObjectMeta } from '../../lib/kube/object.ts'
import { findAddress, toText } from './address.ts'

/** One address and who has it, as an IPClaim lists it. */
export type ClaimEntry = IPClaim['spec']['claims'][number]

/** Kinds other than Port that have addresses of their own. */
export type OwnerKind = NonNullable<ClaimEntry['ownerRef']>['kind']

/** Whom an address is for. The UID is absent while an automatic port is about to be created under its fixed name. */
export interface ClaimHolder {
  /** Absent: a Port. Everything else has a UID. */
  kind?: OwnerKind
  namespace: string
  name: string
  uid?: string | undefined
  /** For an automatic port: the Instance it is created for. */
  instanceUid?: string | undefined
}

/** Which 16 addresses of which subnet, whether or not any is claimed. */
export interface BlockRef {
  namespace: string
  name: string
  subnetUid: string
  subnetName: string
  /** Canonical CIDR text of the block. */
  block: string
}

/** An IPClaim as the store has it. */
export interface StoredBlock extends BlockRef {
  metadata: Pick<ObjectMeta, 'uid' | 'resourceVersion' | 'labels' | 'annotations' | 'finalizers'>
  entries: readonly ClaimEntry[]
}

/** An address that somebody has, and the block that says so. */
export interface HeldClaim {
  block: BlockRef
  entry: ClaimEntry
}

/** Low bits of an address that are masked off to find its block: 16 addresses per block. */
const BLOCK_BITS = 4n

/**
 * The aligned block that an address lies in. Its name is the subnet's UID and the block's first address with `.` and `:` as `-`: a
 * function of both alone, so that creating it is the compare-and-swap over its addresses, as Kubernetes does it for Service addresses
 * (KEP-1880). RFC 5952 text may end with `::`, a name may not end with `-`: a `0` closes it.
 * @param address canonical text
 */
export function blockOf(subnet: { namespace: string; name: string; uid: string }, address: string): BlockRef {
  const found = findAddress(address)
  if (!found) throw new TypeError(`${address} is no address`)
  const first = toText(found.version, (found.value >> BLOCK_BITS) << BLOCK_BITS)
  const length = BigInt(found.version === 4 ? 32 : 128) - BLOCK_BITS
  const flat = first.replaceAll(/[.:]/g, '-')
  return {
    namespace: subnet.namespace,
    name: `${subnet.uid}-${flat.endsWith('-') ? `${flat}0` : flat}`,
    subnetUid: subnet.uid,
    subnetName: subnet.name,
    block: `${first}/${length}`,
  }
}

export function toEntry(holder: ClaimHolder, address: string): ClaimEntry {
  const { kind, namespace, name, uid, instanceUid } = holder
  if (kind !== undefined) {
    if (uid === undefined) throw new TypeError(`${kind} ${namespace}/${name} claims without a UID`)
    return { address, ownerRef: { kind, namespace, name, uid } }
  }
  return {
    address,
    portRef: { namespace, name, ...(uid === undefined ? {} : { uid }) },
    ...(instanceUid === undefined ? {} : { instanceUid }),
  }
}

/** As which an object other than a Port has its addresses. */
export function ownerOf(kind: OwnerKind, { namespace = '', name, uid }: ObjectMeta): ClaimHolder & { uid: string } {
  return { kind, namespace, name, uid }
}

/** Who has the address, as the entry says it. The schema requires one of the two; without either nobody has it. */
export function holderOf({ portRef, ownerRef }: ClaimEntry): ClaimHolder {
  return portRef ?? ownerRef ?? { namespace: '', name: '' }
}

/** `Port team/web`, for messages. */
export function describeHolder({ kind, namespace, name }: ClaimHolder): string {
  return `${kind ?? 'Port'} ${namespace}/${name}`
}

/** A name alone is enough for an automatic port: it carries its instance's identity. A known UID must agree. */
export function isSameHolder(a: ClaimHolder, b: ClaimHolder): boolean {
  if (a.kind !== b.kind || a.namespace !== b.namespace || a.name !== b.name) return false
  return a.uid === undefined || b.uid === undefined || a.uid === b.uid
}

/** Exactly the same claim, so that a release removes only the claim it was decided for. */
export function isSameEntry(a: ClaimEntry, b: ClaimEntry): boolean {
  const [one, other] = [holderOf(a), holderOf(b)]
  return (
    a.address === b.address &&
    one.kind === other.kind &&
    one.namespace === other.namespace &&
    one.name === other.name &&
    one.uid === other.uid &&
    a.instanceUid === b.instanceUid
  )
}
