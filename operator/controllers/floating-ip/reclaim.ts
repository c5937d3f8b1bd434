// SPDX-License-Identifier: Apache-2.0
import { FLOATING_IP } from '../../../lib/api/kinds.ts'
import type { FloatingIP, Instance, Port } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, type Outcome } from '../../../lib/outcome.ts'
import type { Caches } from '../../kind/row.ts'

/**
 * The Instance or Port with which it is to go, since it leads there. Only one that is seen to be deleted: that one is missing, as it
 * is while a backup is restored, says nothing.
 */
export function findReclaiming(
  { spec, status }: FloatingIP,
  { instances, ports }: Pick<Caches, 'instances' | 'ports'>,
): Instance | Port | undefined {
  if (spec.reclaimPolicy !== 'Delete') return undefined
  const [ref, target] = spec.instanceRef
    ? [spec.instanceRef, instances.findByUid(status?.instanceUID ?? '')]
    : [spec.portRef, ports.findByUid(status?.portUID ?? '')]
  // A spec that names another one already takes it away from there.
  const isNamed = target !== undefined && target.metadata.name === ref?.name
  return isNamed && target.metadata.deletionTimestamp !== undefined ? target : undefined
}

/** It is deleted as by its owner: the next run, which sees that, releases the address. */
export async function reclaim(
  { metadata: { namespace, name, uid } }: FloatingIP,
  { client, signal, event }: Pick<Run, 'client' | 'signal' | 'event'>,
): Promise<Outcome> {
  event({
    type: 'Normal',
    reason: 'Reclaimed',
    action: 'Delete',
    note: 'goes with what it leads to: spec.reclaimPolicy',
  })
  await client.remove(FLOATING_IP, { namespace, name }, { preconditions: { uid }, signal })
  return done
}
