// SPDX-License-Identifier: Apache-2.0
import { EventType, ShutdownDetail, type DomainEvent } from '../../../../lib/libvirt/events.ts'
import type { OffReason } from '../../instance-driver.ts'
import { uidOfDomainName } from './domain-name.ts'

/**
 * Who shut a machine down last. The state of a domain says "shut down" of a guest that powered itself off and of a QEMU that the
 * host told to end (SIGTERM: what systemd does to all that runs when the host goes down) alike; only the event tells them apart.
 */
export class ShutdownCauses {
  readonly #byHost = new Set<string>()

  take(event: DomainEvent): void {
    if (event.kind !== 'lifecycle') return
    const uid = uidOfDomainName(event.domain.name)
    if (uid === undefined) return
    if (event.event === EventType.shutdown && event.detail === ShutdownDetail.host) this.#byHost.add(uid)
    else if (event.event === EventType.shutdown || event.event === EventType.started) this.#byHost.delete(uid)
    else if (event.event === EventType.undefined) this.#byHost.delete(uid)
  }

  /** @param reason as the domain's state has it */
  refine(uid: string, reason: OffReason | undefined): OffReason | undefined {
    return reason === 'guest' && this.#byHost.has(uid) ? 'host' : reason
  }
}
