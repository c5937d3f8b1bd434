// SPDX-License-Identifier: Apache-2.0
// What a machine's document says is to be done to it.
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import type { MachineAction } from '../../../lib/contract/documents.ts'
import type { Caches } from '../../kind/row.ts'
import type { PlacedDeps } from '../../placed/placed-deps.ts'
import type { AdminPasswords } from '../../secrets/admin-passwords.ts'
import { guestProperties, requiresKvm } from '../common/machine-image.ts'
import { toMachineRescue } from '../common/machine-rescue.ts'
import { toReaders } from '../image/source-of.ts'
import { deadlineMsOf, isHard } from './deadline.ts'

interface GivenDeps {
  caches: Pick<Caches, 'instanceActions' | 'images' | 'computeNodes'>
  adminPasswords: Pick<AdminPasswords, 'find' | 'recall'>
}

/**
 * The action that was given to the machine where it is; one at a time. Of two, which only operators that did not see each other's writes can have
 * begun, the one that was given first: the document does not go back and forth between them.
 */
export function findGivenAction(machine: Instance, deps: GivenDeps): MachineAction | undefined {
  const first = findFirst(machine, deps.caches)
  if (first?.spec.type === 'Rebuild') return toRebuild(first, machine, deps)
  if (first?.spec.type === 'Rescue') return toRescue(first, machine, deps)
  if (first?.spec.type === 'Snapshot') return toSnapshot(first, machine, deps)
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
  const base = baseOf(action)
  if (spec.type === 'SetAdminPassword') {
    const sealedPassword = adminPasswords.find(metadata.uid, status?.node ?? '')
    const { userName } = spec.setAdminPassword ?? {}
    return sealedPassword === undefined
      ? undefined
      : { ...base, type: spec.type, sealedPassword, ...(userName === undefined ? {} : { userName }) }
  }
  if (spec.type === 'Unrescue') {
    const { rootDisk: rescueDisk } = status ?? {}
    return { ...base, type: spec.type, ...(rescueDisk === undefined ? {} : { rescueDisk }) }
  }
  if (spec.type !== 'Reboot') return { ...base, type: spec.type }
  if (isHard(spec)) return { ...base, type: 'HardReboot' }
  const { softTimeoutSeconds } = spec.reboot ?? {}
  return { ...base, type: 'SoftReboot', ...(softTimeoutSeconds === undefined ? {} : { softTimeoutSeconds }) }
}

function baseOf(action: InstanceAction): Pick<MachineAction, 'uid' | 'notAfter'> {
  return { uid: action.metadata.uid, notAfter: new Date(deadlineMsOf(action)).toISOString() }
}

/** From when the machine holds what its disk is made from; what is made already is asked for until its end was heard. */
function toRescue(
  action: InstanceAction,
  { status = {} }: Instance,
  { caches }: Pick<GivenDeps, 'caches'>,
): MachineAction | undefined {
  const { image, rootDisk = 0 } = action.status ?? {}
  const isTaken = status.rebuilds?.some(({ actionUID }) => actionUID === action.metadata.uid) === true
  if (!image || (!isTaken && status.rescue?.disk !== rootDisk)) return undefined
  const rescue = toMachineRescue({ disk: rootDisk, image }, status, caches)
  return rescue && { ...baseOf(action), type: 'Rescue', rescue }
}

/** Asked for until it has succeeded: its node serves what it copied, and removes that afterwards. */
function toSnapshot(action: InstanceAction, { status }: Instance, { caches }: GivenDeps): MachineAction | undefined {
  const { metadata, spec, status: { snapshot } = {} } = action
  if (!snapshot) return undefined
  const image = caches.images.find(metadata.namespace, snapshot.imageName)
  const from = status?.image && caches.images.find(status.image.namespace, status.image.name)
  const { quiesce = 'IfPossible' } = spec.snapshot ?? {}
  const isRequired =
    quiesce === 'IfPossible' && /^(yes|true)$/i.test(from?.spec.properties?.['os_require_quiesce'] ?? '')
  return {
    ...baseOf(action),
    type: 'Snapshot',
    snapshot: {
      imageUid: snapshot.imageUID,
      quiesce: isRequired ? 'Required' : quiesce,
      readers: toReaders(
        (image?.status?.copies ?? []).map(({ node }) => node),
        caches,
      ),
    },
  }
}

/** From when the machine holds what it is made from. */
function toRebuild(
  { metadata, spec, ...action }: InstanceAction,
  { status }: Instance,
  { caches }: Pick<GivenDeps, 'caches'>,
): MachineAction | undefined {
  const { image: from, rootDisk = 0 } = action.status ?? {}
  // What is made already is asked for until its end was heard: its node answers, and makes nothing.
  const made = from && rootDisk <= (status?.rootDisk ?? 0) ? { image: from, rootDisk } : undefined
  const given = status?.rebuilds?.find(({ actionUID }) => actionUID === metadata.uid) ?? made
  const image = given && caches.images.find(given.image.namespace, given.image.name)
  if (image?.metadata.uid !== given?.image.uid || !image || !given) return undefined
  const { format } = image.spec
  const { preserveEphemeral = false } = spec.rebuild ?? {}
  const size = status?.nextFlavor ?? status?.flavor
  return {
    uid: metadata.uid,
    type: 'Rebuild',
    notAfter: new Date(deadlineMsOf({ metadata, spec, ...action })).toISOString(),
    rebuild: {
      rootDisk: given.rootDisk,
      image: {
        uid: given.image.uid,
        sha256: given.image.sha256,
        format,
        properties: guestProperties(image, size?.extraSpecs),
      },
      requireKvm: size?.requireKVM === true || requiresKvm(image),
      ...(preserveEphemeral ? { preserveEphemeral } : {}),
    },
  }
}
