// SPDX-License-Identifier: Apache-2.0
// Events: each has an id for the registration, and a procedure number under which it arrives.
import { domainRef, text, type DomainRef } from './error.ts'
import { int, struct, type Codec, type XdrReader } from './xdr.ts'

export const EventType = {
  defined: 0,
  undefined: 1,
  started: 2,
  suspended: 3,
  resumed: 4,
  stopped: 5,
  shutdown: 6,
  pmSuspended: 7,
  crashed: 8,
} as const

export type DomainEvent =
  | { kind: 'lifecycle'; domain: DomainRef; event: number; detail: number }
  | { kind: 'reboot'; domain: DomainRef }
  /** The daemon lost its control socket to the guest's process. */
  | { kind: 'controlError'; domain: DomainRef }
  | { kind: 'ioError'; domain: DomainRef; path: string; device: string; action: number; reason: string }
  | { kind: 'deviceRemoved'; domain: DomainRef; device: string }
  | { kind: 'deviceRemovalFailed'; domain: DomainRef; device: string }
  | { kind: 'blockJob'; domain: DomainRef; device: string; type: number; status: number }
  | { kind: 'agent'; domain: DomainRef; state: number; reason: number }

/** virDomainEventShutdownDetailType. A `destroy` counts as a shutdown by the host. */
export const ShutdownDetail = { finished: 0, guest: 1, host: 2 } as const

/** virDomainEventDefinedDetailType: VIR_DOMAIN_EVENT_DEFINED_UPDATED */
const DEFINED_UPDATED = 1

/** An existing domain was redefined: nothing happened to its guest. */
export function isRedefinition(event: DomainEvent): boolean {
  return event.kind === 'lifecycle' && event.event === EventType.defined && event.detail === DEFINED_UPDATED
}

interface EventEntry {
  readonly id: number
  readonly procedure: number
  decode(reader: XdrReader): DomainEvent
}

function entry<F>(id: number, procedure: number, body: Codec<F>, toEvent: (fields: F) => DomainEvent): EventEntry {
  return {
    id,
    procedure,
    decode(reader) {
      int.decode(reader) // which registration it answers; we have one of each
      return toEvent(body.decode(reader))
    },
  }
}

const domain = domainRef
export const EVENTS: readonly EventEntry[] = [
  entry(0, 318, struct({ domain, event: int, detail: int }), (e) => ({ kind: 'lifecycle', ...e })),
  entry(1, 319, struct({ domain }), (e) => ({ kind: 'reboot', ...e })),
  entry(6, 324, struct({ domain, path: text, device: text, action: int, reason: text }), (e) => ({
    kind: 'ioError',
    ...e,
  })),
  entry(7, 325, struct({ domain }), (e) => ({ kind: 'controlError', ...e })),
  entry(15, 333, struct({ domain, device: text }), (e) => ({ kind: 'deviceRemoved', ...e })),
  entry(16, 339, struct({ domain, device: text, type: int, status: int }), (e) => ({ kind: 'blockJob', ...e })),
  entry(18, 348, struct({ domain, state: int, reason: int }), (e) => ({ kind: 'agent', ...e })),
  entry(22, 367, struct({ domain, device: text }), (e) => ({ kind: 'deviceRemovalFailed', ...e })),
]

const byProcedure = new Map(EVENTS.map((e) => [e.procedure, e]))

export function findEvent(procedure: number): EventEntry | undefined {
  return byProcedure.get(procedure)
}
