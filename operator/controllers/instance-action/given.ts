// SPDX-License-Identifier: Apache-2.0
// What a machine's document says is to be done to it. Pure.
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import type { MachineAction } from '../../../lib/contract/documents.ts'
import type { Caches } from '../../kind/row.ts'

/**
 * The action that was given to the machine where it is; one at a time. Of two, which only operators that did not see each other's writes can have
 * begun, the one that was given first: the document does not go back and forth between them.
 */
export function findGivenAction(
  { metadata, status }: Instance,
  { instanceActions }: Pick<Caches, 'instanceActions'>,
): MachineAction | undefined {
  const given = instanceActions
    .listBy('running', metadata.uid)
    .filter((action) => action.status?.node === status?.node && action.status?.epoch === status?.epoch)
  const [first] = given.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
  return first && toMachineAction(first)
}

function orderOf({ status, metadata }: InstanceAction): string {
  return `${status?.startTime ?? ''} ${metadata.uid}`
}

function toMachineAction({ metadata, spec }: InstanceAction): MachineAction {
  const { uid } = metadata
  if (spec.type !== 'Reboot') return { uid, type: spec.type }
  if (isHard(spec)) return { uid, type: 'HardReboot' }
  const { softTimeoutSeconds } = spec.reboot ?? {}
  return { uid, type: 'SoftReboot', ...(softTimeoutSeconds === undefined ? {} : { softTimeoutSeconds }) }
}

export function isHard({ type, reboot }: InstanceAction['spec']): boolean {
  return type === 'Reboot' && reboot?.type === 'Hard'
}
