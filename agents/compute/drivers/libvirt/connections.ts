// SPDX-License-Identifier: Apache-2.0
import { LibvirtClient } from '../../../../lib/libvirt/client.ts'
import { DomainCalls } from '../../../../lib/libvirt/domain-calls.ts'
import type { ConnectionOptions } from '../../../../lib/libvirt/connection.ts'

/** For a call that a guest's QEMU has to answer. */
export const GUEST_CALL_MS = 10_000
/** For what is read of a guest's QEMU, and what there is a poorer answer for. */
export const GUEST_READ_MS = 3_000

/** Together below libvirtd's 20 workers (max_workers): definitions need some, and a call to a guest that hangs keeps one for good. */
const PLACES = { guest: 5, orders: 3, devices: 3, starts: 4, saves: 2 } as const
/** One namespace leaves others a place, however many machines it starts at once and whatever these wait for. */
const STARTS_PER_NAMESPACE = 3

/**
 * Several connections to one libvirtd. It carries out five calls of one client at a time (max_client_requests), also those whose
 * caller gave up, and a call about a guest whose QEMU hangs lasts half a minute, or for ever. So what may wait for a guest never
 * stands before what does not: above all the read of a state, and pulling the plug of the very guest that hangs; nor does one guest
 * stand before another (DomainCalls).
 */
export class LibvirtConnections {
  /** Definitions and states, which libvirtd knows without asking QEMU. */
  readonly quick: LibvirtClient
  /** What is read of a guest, which QEMU answers at once when it is well. */
  readonly guest: DomainCalls
  /** What a guest or its QEMU is told: apart from reading, so that those that hang when they are read keep no order from others. */
  readonly orders: DomainCalls
  /** Plugging devices: some wait for the guest, or for a server. */
  readonly devices: DomainCalls
  readonly starts: DomainCalls
  readonly saves: DomainCalls
  /** Taking the power away, and nothing else. */
  readonly forced: LibvirtClient

  constructor(options: ConnectionOptions) {
    const calls = (places: number, placesPerGroup = places) => new DomainCalls({ ...options, places, placesPerGroup })
    this.quick = new LibvirtClient(options)
    this.guest = calls(PLACES.guest)
    this.orders = calls(PLACES.orders)
    this.devices = calls(PLACES.devices)
    this.starts = calls(PLACES.starts, STARTS_PER_NAMESPACE)
    this.saves = calls(PLACES.saves, 1)
    this.forced = new LibvirtClient(options)
  }

  close(): void {
    const { quick, guest, orders, devices, starts, saves, forced } = this
    for (const one of [quick, guest, orders, devices, starts, saves, forced]) one.close()
  }
}
