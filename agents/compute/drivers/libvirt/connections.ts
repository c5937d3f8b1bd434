// SPDX-License-Identifier: Apache-2.0
import { LibvirtClient } from '../../../../lib/libvirt/client.ts'
import type { ConnectionOptions } from '../../../../lib/libvirt/connection.ts'

/** For a call that a guest's QEMU has to answer. */
export const GUEST_CALL_MS = 10_000
/** For what is read of a guest's QEMU, and what there is a poorer answer for. */
export const GUEST_READ_MS = 3_000

/**
 * Several connections to one libvirtd. It carries out five calls of one client at a time (max_client_requests), also those whose
 * caller gave up, and a call about a guest whose QEMU hangs lasts half a minute. So what may wait for a guest never stands before
 * what does not: above all the read of a state, and pulling the plug of the very guest that hangs.
 */
export class LibvirtConnections {
  /** Definitions and states, which libvirtd knows without asking QEMU. */
  readonly quick: LibvirtClient
  /** What QEMU answers at once when it is well. */
  readonly guest: LibvirtClient
  /** Plugging devices: some wait for the guest, or for a server. */
  readonly devices: LibvirtClient
  /** Starting and saving. */
  readonly slow: LibvirtClient
  /** Taking the power away, and nothing else. */
  readonly forced: LibvirtClient

  constructor(options: ConnectionOptions) {
    this.quick = new LibvirtClient(options)
    this.guest = new LibvirtClient(options)
    this.devices = new LibvirtClient(options)
    this.slow = new LibvirtClient(options)
    this.forced = new LibvirtClient(options)
  }

  close(): void {
    for (const client of [this.quick, this.guest, this.devices, this.slow, this.forced]) client.close()
  }
}
