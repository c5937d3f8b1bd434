// SPDX-License-Identifier: Apache-2.0
import type { Lease } from '../api/types.ts'

/** metav1.MicroTime wants exactly six digits. */
export function microTime(date: Date): string {
  return date.toISOString().replace(/(\.\d{3})Z$/, '$1000Z')
}

/** What was seen of another's lease, and when by our own monotonic clock: clocks of two machines are never compared. */
export interface Sighting {
  record: string
  atMs: number
}

/** The same sighting while the record has not changed. */
export function sight(lease: Lease, before: Sighting | undefined, nowMs: number): Sighting {
  const { holderIdentity, renewTime, leaseTransitions } = lease.spec ?? {}
  const record = JSON.stringify([lease.metadata.uid, holderIdentity, renewTime, leaseTransitions])
  return before?.record === record ? before : { record, atMs: nowMs }
}

/**
 * How long until `identity` may take a lease; 0: now. One that was released (no holder) is free at once, and so is one that names us
 * already: the response to our update was lost.
 */
export function freeInMs(lease: Lease, sighting: Sighting, nowMs: number, identity: string): number {
  const { holderIdentity, leaseDurationSeconds = 0 } = lease.spec ?? {}
  if (!holderIdentity || holderIdentity === identity) return 0
  return Math.max(0, sighting.atMs + leaseDurationSeconds * 1000 - nowMs)
}

export interface Claim {
  identity: string
  durationMs: number
  now: Date
  /** The least that the term may become, when the Lease was deleted and its count is lost. */
  leastTerm: number
}

/** The lease as its next holder writes it. Every change of holder counts as a transition, from nobody, too; identities are never reused. */
export function takenLease(lease: Lease, claim: Claim): Lease {
  const { identity, durationMs, now, leastTerm } = claim
  const same = lease.spec?.holderIdentity === identity
  const transitions = (lease.spec?.leaseTransitions ?? 0) + (same ? 0 : 1)
  return {
    ...lease,
    spec: {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(durationMs / 1000),
      acquireTime: same ? (lease.spec?.acquireTime ?? microTime(now)) : microTime(now),
      renewTime: microTime(now),
      leaseTransitions: same ? transitions : Math.max(transitions, leastTerm),
    },
  }
}
