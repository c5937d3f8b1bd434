// SPDX-License-Identifier: Apache-2.0
import { LibvirtClient } from '../../../../lib/libvirt/client.ts'
import { DomainCalls } from '../../../../lib/libvirt/domain-calls.ts'
import type { ConnectionOptions } from '../../../../lib/libvirt/connection.ts'

/** For calls that the guest's QEMU has to answer. */
export const GUEST_CALL_MS = 10_000
/** For reads that the guest's QEMU has to answer and that have a less complete fallback. */
export const GUEST_READ_MS = 3_000

/**
 * Together fewer than libvirtd's 20 workers (max_workers): defining domains needs some, and a call to a hanging guest never frees its
 * worker.
 */
const PLACES = { guest: 5, orders: 3, devices: 3, starts: 4, saves: 2, agent: 2 } as const
/** So that one namespace leaves places to others, however many machines it starts at once and however long those starts take. */
const STARTS_PER_NAMESPACE = 3
/** Whoever is root in guests can have each call last as long as libvirt waits (./guest-agent.ts). */
const AGENT_CALLS_PER_NAMESPACE = 1

/**
 * Several connections to one libvirtd, by what their calls may wait for. libvirtd runs five calls of a client at a time
 * (max_client_requests), counting those whose caller has given up, and a call about a guest whose QEMU hangs takes half a minute or never
 * returns. So calls that may wait for a guest must not queue ahead of those that do not, above all reading states and destroying the very
 * guest that hangs; nor may calls about one guest block those about another (DomainCalls).
 */
export class LibvirtConnections {
  /** Definitions and states, which libvirtd knows without asking QEMU. */
  readonly quick: LibvirtClient
  /** Reads that QEMU answers at once when it is healthy. */
  readonly guest: DomainCalls
  /** Changes to a guest or its QEMU. Separate from reads, so that guests that hang when read do not block changes to others. */
  readonly orders: DomainCalls
  /** Attaching and detaching devices: some calls wait for the guest or for a storage server. */
  readonly devices: DomainCalls
  readonly starts: DomainCalls
  readonly saves: DomainCalls
  /** What the agent in a guest has to answer. */
  readonly agent: DomainCalls
  /** Destroying domains, and nothing else. */
  readonly forced: LibvirtClient

  constructor(options: ConnectionOptions) {
    const calls = (places: number, placesPerGroup = places) => new DomainCalls({ ...options, places, placesPerGroup })
    this.quick = new LibvirtClient(options)
    this.guest = calls(PLACES.guest)
    this.orders = calls(PLACES.orders)
    this.devices = calls(PLACES.devices)
    this.starts = calls(PLACES.starts, STARTS_PER_NAMESPACE)
    this.saves = calls(PLACES.saves, 1)
    this.agent = calls(PLACES.agent, AGENT_CALLS_PER_NAMESPACE)
    this.forced = new LibvirtClient(options)
  }

  close(): void {
    const { quick, guest, orders, devices, starts, saves, agent, forced } = this
    for (const one of [quick, guest, orders, devices, starts, saves, agent, forced]) one.close()
  }
}
