// SPDX-License-Identifier: Apache-2.0
// What a machine's document says is to be done to it.
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import type { MachineAction } from '../../../lib/contract/documents.ts'
import type { Caches } from '../../kind/row.ts'
import type { PlacedDeps } from '../../placed/placed-deps.ts'
import type { AdminPasswords } from '../../secrets/admin-passwords.ts'
import { deadlineMsOf, isHard } from './deadline.ts'

interface GivenDeps {
  caches: Pick<Caches, 'instanceActions'>
  adminPasswords: Pick<AdminPasswords, 'find' | 'recall'>
}

/**
 * The action that was given to the machine where it is; one at a time. Of two, which only operators that did not see each other's writes can have
 * begun, the one that was given first: the document does not go back and forth between them.
 */
export function findGivenAction(machine: Instance, deps: GivenDeps): MachineAction | undefined {
  const first = findFirst(machine, deps.caches)
  return first && toMachineAction(first, deps.adminPasswords)
}

/**
 * What was sealed for it by an operator before this one is in the document that the bus has. To be called before `findGivenAction`, which waits for nothing.
 * @throws TransientError `BusUnavailable`
 */
export async function recallGiven(machine: Instance, deps: GivenDeps & Pick<PlacedDeps, 'bus'>): Promise<void> {
  const first = findFirst(machine, deps.caches)
  if (first) await recallPassword(first, deps)
}

/** @returns whether it is known */
export async function recallPassword(
  { metadata: { uid }, spec, status }: InstanceAction,
  { adminPasswords, bus }: Pick<GivenDeps, 'adminPasswords'> & Pick<PlacedDeps, 'bus'>,
): Promise<boolean> {
  const { node = '', instanceUID = '' } = status ?? {}
  if (spec.type !== 'SetAdminPassword' || adminPasswords.find(uid, node) !== undefined) return true
  const document = await bus.desired.read(node, 'instance', instanceUID)
  if (document?.kind !== 'instance' || document.tombstone) return false
  const { action } = document.spec
  if (action?.uid !== uid || action.sealedPassword === undefined) return false
  adminPasswords.recall(uid, node, action.sealedPassword)
  return true
}

function findFirst(
  { metadata, status }: Instance,
  { instanceActions }: Pick<Caches, 'instanceActions'>,
): InstanceAction | undefined {
  const given = instanceActions
    .listBy('running', metadata.uid)
    .filter((action) => action.status?.node === status?.node && action.status?.epoch === status?.epoch)
  return given.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))[0]
}

function orderOf({ status, metadata }: InstanceAction): string {
  return `${status?.startTime ?? ''} ${metadata.uid}`
}

function toMachineAction(
  action: InstanceAction,
  adminPasswords: GivenDeps['adminPasswords'],
): MachineAction | undefined {
  const { metadata, spec, status } = action
  const base = { uid: metadata.uid, notAfter: new Date(deadlineMsOf(action)).toISOString() }
  if (spec.type === 'SetAdminPassword') {
    const sealedPassword = adminPasswords.find(metadata.uid, status?.node ?? '')
    const { userName } = spec.setAdminPassword ?? {}
    return sealedPassword === undefined
      ? undefined
      : { ...base, type: spec.type, sealedPassword, ...(userName === undefined ? {} : { userName }) }
  }
  if (spec.type !== 'Reboot') return { ...base, type: spec.type }
  if (isHard(spec)) return { ...base, type: 'HardReboot' }
  const { softTimeoutSeconds } = spec.reboot ?? {}
  return { ...base, type: 'SoftReboot', ...(softTimeoutSeconds === undefined ? {} : { softTimeoutSeconds }) }
}
