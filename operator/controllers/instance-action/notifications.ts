// SPDX-License-Identifier: Apache-2.0
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { INSTANCE } from '../../../lib/api/kinds.ts'
import { CONTRACT_VERSION } from '../../../lib/contract/documents.ts'
import { isFinished } from '../common/finished.ts'
import type { Notice } from '../common/notice.ts'

/** Nova's where it has one. https://docs.openstack.org/nova/latest/reference/notifications.html */
const EVENTS: Readonly<Record<InstanceAction['spec']['type'], string>> = {
  Reboot: 'instance.reboot',
  Reset: 'instance.reset',
  CrashDump: 'instance.trigger_crash_dump',
  SetAdminPassword: 'instance.set_admin_password',
  ResetState: 'instance.reset_state',
  Rebuild: 'instance.rebuild',
  Rescue: 'instance.rescue',
  Unrescue: 'instance.unrescue',
  Snapshot: 'instance.snapshot',
}

/**
 * The notifications that follow from two acknowledged states of an InstanceAction: `.start` when it was given to the machine's node, then `.end` or
 * `.error`. They are about the machine, and go to those who hear of it. What never began gives none, as what Nova refuses. Pure.
 * @param machine as it is at the moment; undefined when it is gone
 */
export function noticesOfAction(
  old: InstanceAction | undefined,
  now: InstanceAction | undefined,
  machine: Instance | undefined,
  time: Date,
): Notice[] {
  if (!old || !now || now.metadata.uid !== old.metadata.uid || now.status?.startTime === undefined) return []
  const notices: Notice[] = []
  if (old.status?.startTime === undefined) notices.push(notice('start', now, machine, time))
  if (isFinished(now) && !isFinished(old))
    notices.push(notice(now.status.state === 'Succeeded' ? 'end' : 'error', now, machine, time))
  return notices
}

function notice(
  phase: 'start' | 'end' | 'error',
  now: InstanceAction,
  machine: Instance | undefined,
  time: Date,
): Notice {
  const { metadata, spec, status = {} } = now
  const { name, uid, namespace } = metadata
  const ready = findCondition(status.conditions, 'Ready')
  const state = machine?.metadata.uid === status.instanceUID ? machine?.status?.state : undefined
  const { requestedBy, reboot, type } = spec
  return {
    id: `${uid}.${phase}`,
    notification: {
      v: CONTRACT_VERSION,
      eventType: `${EVENTS[type]}.${phase}`,
      time: time.toISOString(),
      kind: INSTANCE.kind,
      ...(namespace === undefined ? {} : { namespace }),
      name: spec.instanceRef.name,
      uid: status.instanceUID ?? '',
      ...(state === undefined ? {} : { [phase === 'start' ? 'before' : 'after']: { state } }),
      payload: {
        ...(status.node === undefined ? {} : { node: status.node }),
        action: {
          name,
          uid,
          type,
          ...(reboot ? { reboot: reboot.type } : {}),
          ...(status.image ? { image: status.image } : {}),
          ...(requestedBy === undefined ? {} : { requestedBy }),
        },
        ...(phase === 'start' ? {} : { steps: status.steps ?? [] }),
        ...(phase === 'error' && ready ? { reason: ready.reason, message: ready.message } : {}),
      },
    },
  }
}
