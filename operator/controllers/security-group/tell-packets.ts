// SPDX-License-Identifier: Apache-2.0
import { SECURITY_GROUP } from '../../../lib/api/kinds.ts'
import type { SecurityGroup } from '../../../lib/api/types.ts'
import { CONTRACT_VERSION } from '../../../lib/contract/documents.ts'
import type { PacketLog } from '../../../lib/contract/packet-log.ts'
import type { Logger } from '../../../lib/log.ts'
import type { EventRecorder } from '../../../lib/loop/events.ts'
import { systemClock, type Clock } from '../../../lib/time/clock.ts'
import type { Bus } from '../../bus/bus.ts'
import type { Caches } from '../../kind/row.ts'
import { addPackets, groupsOf, noteOf, type GroupPackets } from './told-packets.ts'

export interface PacketTellerOptions {
  bus: Pick<Bus, 'onPacketLog' | 'notifier'>
  caches: Pick<Caches, 'ports' | 'securityGroups'>
  events: Pick<EventRecorder, 'record'>
  isHeld: () => boolean
  log: Logger
  clock?: Clock
}

/** A group is told of at once, and then at most so often. */
const GROUP_MS = 60_000
const TURN_MS = 5_000
/** Groups told of in a turn; the others come in the next, those that wait longest first. */
const MOST_GROUPS = 20
/** Groups that wait, with what was logged of them: what comes of others then is not told. */
const MOST_WAITING = 1_000

/**
 * Tells users what nodes logged of their groups: an Event of the group and a notification, at most one each in a minute and a group, and so many
 * of all together as MOST_GROUPS says. Nothing while nothing is logged.
 * @returns ends it
 */
export function tellPackets(options: PacketTellerOptions): () => void {
  const { bus, caches, isHeld, clock = systemClock } = options
  const waiting = new Map<string, GroupPackets>()
  /** When each group was told last, the oldest first. */
  const told = new Map<string, number>()
  let cancel: (() => void) | undefined

  const turn = (): void => {
    const now = clock.nowMs()
    for (const [uid, at] of told) if (now - at >= GROUP_MS) told.delete(uid)
    let left = MOST_GROUPS
    for (const [uid, packets] of waiting) {
      if (left === 0) break
      if (told.has(uid)) continue
      waiting.delete(uid)
      const group = caches.securityGroups.findByUid(uid)
      if (!group || isHeld()) continue
      left--
      told.set(uid, now)
      tell(group, packets, options, clock.now())
    }
    cancel = waiting.size > 0 ? clock.after(TURN_MS, turn) : undefined
  }
  const hear = ({ node, log }: { node: string; log: PacketLog }): void => {
    for (const packets of log.packets) {
      const found = groupsOf(packets, node, caches)
      for (const { metadata } of found?.groups ?? []) {
        const held = waiting.get(metadata.uid) ?? { accepted: 0, dropped: 0, kinds: new Map() }
        if (waiting.size >= MOST_WAITING && !waiting.has(metadata.uid)) continue
        waiting.set(metadata.uid, held)
        if (found) addPackets(held, packets, found.port, node)
      }
    }
    if (waiting.size > 0) cancel ??= clock.after(0, turn)
  }
  const end = bus.onPacketLog(hear)
  return () => {
    end()
    cancel?.()
  }
}

function tell(group: SecurityGroup, packets: GroupPackets, options: PacketTellerOptions, time: Date): void {
  const { name, namespace, uid } = group.metadata
  const { accepted, dropped, kinds } = packets
  const reason = dropped > 0 ? 'PacketsDropped' : 'PacketsAccepted'
  options.events.record(SECURITY_GROUP, group, { type: 'Normal', reason, action: 'Log', note: noteOf(packets, group) })
  const notification = {
    v: CONTRACT_VERSION,
    eventType: 'security_group.packets',
    time: time.toISOString(),
    kind: SECURITY_GROUP.kind,
    ...(namespace === undefined ? {} : { namespace }),
    ...{ name, uid },
    payload: { accepted, dropped, packets: [...kinds.values()] },
  } as const
  options.bus.notifier.publish(notification, `${uid}.packets.${time.getTime()}`).catch((err: unknown) => {
    options.log.debug({ err, name, namespace }, 'notification not sent')
  })
}
