// SPDX-License-Identifier: Apache-2.0
import { EventType, ShutdownDetail, type DomainEvent } from '../../../../lib/libvirt/events.ts'
import type { OffReason } from '../../instance-driver.ts'
import { uidOfDomainName } from './domain-name.ts'

/**
 * What caused a machine's last shutdown. A domain's state says "shut down" both for a guest that powered itself off and for a QEMU that the
 * host terminated (SIGTERM: what systemd sends to everything when the host goes down); only the event tells them apart.
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

  /** @param reason from the domain's state */
  refine(uid: string, reason: OffReason | undefined): OffReason | undefined {
    return reason === 'guest' && this.#byHost.has(uid) ? 'host' : reason
  }
}
