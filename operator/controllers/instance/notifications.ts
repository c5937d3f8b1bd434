// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import { CONTRACT_VERSION } from '../../../lib/contract/documents.ts'
import { INSTANCE } from '../../../lib/api/kinds.ts'
import type { Notice } from '../common/notice.ts'

/**
 * The notifications that follow from two acknowledged states of a machine, with Nova's event types.
 * https://docs.openstack.org/nova/latest/reference/notifications.html
 * Pure. An object that was not known before gives none: a restarted operator does not repeat old news.
 */
export function noticesOf(old: Instance | undefined, now: Instance | undefined, time: Date): Notice[] {
  if (!old) return []
  if (!now || now.metadata.uid !== old.metadata.uid) return [notice('instance.delete.end', old, undefined, old, time)]
  const notices: Notice[] = []
  const add = (eventType: string) => notices.push(notice(eventType, now, now, old, time))
  if (old.status?.node === undefined && now.status?.node !== undefined && now.status.startedAt === undefined)
    add('instance.create.start')
  if (old.metadata.deletionTimestamp === undefined && now.metadata.deletionTimestamp !== undefined)
    add('instance.delete.start')
  const [before, after] = [old.status?.state, now.status?.state]
  if (before !== after && after !== undefined) for (const eventType of ofTransition(before, after, old)) add(eventType)
  return notices
}

function ofTransition(before: string | undefined, after: string, old: Instance): string[] {
  const isFirst = old.status?.startedAt === undefined
  switch (after) {
    // Out of rescue, or into it: that is told of the InstanceAction.
    case 'RESCUE':
    case 'ACTIVE':
      if (before === 'RESCUE' || (before === 'ACTIVE' && after === 'RESCUE')) return []
      if (before === 'PAUSED') return ['instance.unpause.end']
      if (before === 'SUSPENDED') return ['instance.resume.end']
      return [isFirst ? 'instance.create.end' : 'instance.power_on.end']
    case 'SHUTOFF':
      return before === 'BUILD' && isFirst ? ['instance.create.end'] : ['instance.power_off.end']
    case 'PAUSED':
      return ['instance.pause.end']
    case 'SUSPENDED':
      return ['instance.suspend.end']
    case 'ERROR':
      return [isFirst ? 'instance.create.error' : 'instance.error']
    default:
      return []
  }
}

function notice(eventType: string, object: Instance, now: Instance | undefined, old: Instance, time: Date): Notice {
  const { namespace, name, uid, generation = 0 } = object.metadata
  const { node, addresses = [], flavor, conditions = [] } = object.status ?? {}
  const ready = conditions.find((c) => c.type === 'Ready')
  const [before, after] = [old.status?.state, now?.status?.state]
  return {
    id: `${uid}.${eventType}.${generation}.${object.metadata.resourceVersion}`,
    notification: {
      v: CONTRACT_VERSION,
      eventType,
      time: time.toISOString(),
      kind: INSTANCE.kind,
      ...(namespace === undefined ? {} : { namespace }),
      name,
      uid,
      ...(before === undefined ? {} : { before: { state: before } }),
      ...(after === undefined ? {} : { after: { state: after } }),
      payload: {
        ...(node === undefined ? {} : { node }),
        ...(flavor === undefined ? {} : { flavor }),
        addresses: addresses.map(({ network, ipAddress, macAddress }) => ({ network, ipAddress, macAddress })),
        ...(ready && ready.status !== 'True' ? { reason: ready.reason, message: ready.message } : {}),
      },
    },
  }
}
