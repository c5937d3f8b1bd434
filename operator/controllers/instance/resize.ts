// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import type { Instance } from '../../../lib/api/types.ts'
import { findCondition, setCondition } from '../../../lib/conditions.ts'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'
import { sameJson } from '../../../lib/loop/same-json.ts'
import { amountsOf, largerAmounts, sizeWithDefaults } from '../../scheduler/nodes/amounts.ts'
import { portAmountsOf } from '../common/machine-claims.ts'
import { propertiesOf } from '../common/machine-image.ts'
import { numaPlacementOf, onCellsBy } from '../common/numa-topology.ts'
import { policyFor } from '../scheduler-profile/policy-for.ts'
import type { Admitted } from './admitted.ts'
import { QUOTA_EXCEEDED } from '../../quota/quota-use.ts'
import { askForSize, keepSize } from './quota.ts'
import type { InstanceDeps, InstanceRun } from './deps.ts'
import {
  isSameSize,
  numaWishFor,
  toFlavorRequest,
  toStatusFlavor,
  type MachineSize,
  type SizeWish,
  type StatusFlavor,
} from './flavor.ts'

export const RESIZE_PENDING = 'ResizePending'
/** It goes on when nodes or profiles change. */
const WAITS_FOR_NODES: ReadonlySet<string> = new Set(['NoRoom', 'ProfileStalled', 'SchedulerProfileNotFound'])

/**
 * Another spec.flavorRef resizes the machine at its next start, whoever starts it: its node is told the new size while the machine still
 * runs with the old one. Room for both is claimed there until the node reports the new size. If a size cannot be had, the condition
 * ResizePending says so and the machine goes on, and restarts, with the size that it has.
 * @returns whether the status must be saved before anything acts on it
 */
export function followResize(instance: Instance, admitted: Admitted, deps: InstanceDeps, run: InstanceRun): boolean {
  const status = (instance.status ??= {})
  recordSize(instance, deps.bus.observed.find('instance', instance.metadata.uid, status.node))
  if (status.flavor && status.flavor.name === undefined && admitted.wish === undefined)
    status.flavor = toStatusFlavor(admitted.now)
  const { wish } = admitted
  const refused = wish === undefined ? undefined : wish.ok ? claim(instance, wish, admitted, deps) : wish
  const before = status.nextFlavor
  // Writing the status without nextFlavor gives up its claim.
  if (refused) delete status.nextFlavor
  else if (wish?.ok === true) takeClaim(instance, wish)
  // What was promised for a wish that is none any more, or cannot be had, is others'. One that waits for its Quota keeps its turn.
  const isGivenUp = wish === undefined || (refused !== undefined && refused.reason !== QUOTA_EXCEEDED)
  if (isGivenUp && status.flavor) keepSize(instance, deps)
  if (refused && WAITS_FOR_NODES.has(refused.reason))
    deps.waitingRoom.enter(run.key, { for: 'here', node: status.node ?? '' })
  else deps.waitingRoom.leave(run.key)
  say(instance, refused, run)
  return before !== status.nextFlavor
}

type Refusal = Pick<Extract<SizeWish, { ok: false }>, 'reason' | 'message'>

/** Claims room on the machine's node for both its present and its next size. */
function claim(instance: Instance, wish: MachineSize, admitted: Admitted, deps: InstanceDeps): Refusal | undefined {
  const { flavor, node = '' } = instance.status ?? {}
  if (!flavor || isClaimed(instance, wish)) return undefined
  const another = whyAnotherTopology(instance, wish, admitted)
  if (another) return another
  const onCells = onCellsBy(numaPlacementOf(instance))
  const request = {
    uid: instance.metadata.uid,
    amounts: {
      ...largerAmounts(amountsOf(sizeWithDefaults(flavor), onCells), amountsOf(wish.size, onCells)),
      ...portAmountsOf(instance),
    },
    excluded: new Map<string, string>(),
    requireKvm: wish.flavorRequiresKvm || admitted.requireKvm,
    flavor: toFlavorRequest(wish),
    imageProperties: ofHardware(propertiesOf(admitted.image, wish.extraSpecs)),
    needsVhostUser: false,
  }
  const overQuota = askForSize(instance, wish, deps)
  if (overQuota) return overQuota
  const by = policyFor(wish.extraSpecs, deps.caches)
  if (!by.ok) return by.outcome
  const why = deps.scheduler.resize(node, request, by.policy)
  if (why === undefined) return undefined
  const message = `Flavor ${wish.flavorName} in spec.flavorRef does not fit on node ${node}, which ${why}: the machine keeps its size until there is room`
  return { reason: 'NoRoom', message }
}

/** What a node may lack for another Flavor; all else of the image it has taken already. */
function ofHardware(properties: Readonly<Record<string, string>>): Record<string, string> {
  const names = ['hw_firmware_type', 'os_secure_boot', 'hw_tpm_version']
  return Object.fromEntries(Object.entries(properties).filter(([name]) => names.includes(name)))
}

/** Where the machine stands it keeps its cells and CPUs: those for two sizes at once would be needed until its next start. */
function whyAnotherTopology(instance: Instance, wish: MachineSize, { now }: Admitted): Refusal | undefined {
  if (isDeepStrictEqual(numaWishFor(wish), numaWishFor(now))) return undefined
  const message = `Flavor ${wish.flavorName} in spec.flavorRef asks for other NUMA cells, CPUs of its own or hugepages than the machine has on node ${instance.status?.node ?? ''}: the machine keeps its size; name a Flavor that asks for the same, or make a new Instance`
  return { reason: 'OtherNUMATopology', message }
}

function isClaimed({ status }: Instance, wish: MachineSize): boolean {
  return status?.nextFlavor?.name === wish.flavorName && isSame(status.nextFlavor, wish)
}

function isSame(has: StatusFlavor | undefined, { size, flavorRequiresKvm, extraSpecs }: MachineSize): boolean {
  return (
    has !== undefined &&
    isSameSize(sizeWithDefaults(has), size) &&
    (has.requireKVM ?? false) === flavorRequiresKvm &&
    sameJson(has.extraSpecs ?? {}, extraSpecs)
  )
}

function takeClaim(instance: Instance, wish: MachineSize): void {
  const status = (instance.status ??= {})
  const next = toStatusFlavor(wish)
  if (isSame(status.flavor, wish) && !status.nextFlavor) {
    // Another Flavor of the same size: no restart is needed.
    status.flavor = next
  } else if (!isClaimed(instance, wish)) {
    status.nextFlavor = next
  }
}

/** Records the size that the node reports. A report without a size changes nothing. */
function recordSize(instance: Instance, observed: ObservedDocument | undefined): void {
  const status = (instance.status ??= {})
  if (!status.flavor || observed?.versions.epoch !== status.epoch) return
  const { vcpus, memoryMiB, rootDiskGiB } = observed?.facts ?? {}
  if (vcpus === undefined || memoryMiB === undefined || rootDiskGiB === undefined) return
  const has = (want: { vcpus: number; memoryMiB: number; rootDiskGiB: number }) =>
    want.vcpus === vcpus && want.memoryMiB === memoryMiB && want.rootDiskGiB <= rootDiskGiB
  if (status.nextFlavor && has(status.nextFlavor)) {
    status.flavor = status.nextFlavor
    delete status.nextFlavor
  } else if (!status.nextFlavor && (status.flavor.vcpus !== vcpus || status.flavor.memoryMiB !== memoryMiB)) {
    // The machine started with a size that has since been withdrawn: it gets the right one at its next start.
    status.nextFlavor = status.flavor
    const grown = Math.max(status.flavor.rootDiskGiB, rootDiskGiB)
    status.flavor = { ...status.flavor, vcpus, memoryMiB, rootDiskGiB: grown }
  }
}

function say(instance: Instance, refused: Refusal | undefined, run: InstanceRun): void {
  const status = (instance.status ??= {})
  const { nextFlavor } = status
  if (!refused && !nextFlavor) {
    dropResize(instance)
    return
  }
  const { reason, message } = refused ?? {
    reason: 'AtNextStart',
    message: `the machine gets the size of Flavor ${nextFlavor?.name ?? ''} when it starts next: set spec.runState to Stopped, then to Running`,
  }
  const old = findCondition(status.conditions, RESIZE_PENDING)
  const update = { type: RESIZE_PENDING, status: 'True', reason, message } as const
  status.conditions = setCondition(status.conditions, update, instance.metadata.generation, run.now)
  if (refused && old?.reason !== reason)
    run.event({ type: 'Warning', reason: 'ResizeRefused', action: 'Resize', note: message })
}

export function dropResize(instance: Instance): void {
  const { status } = instance
  if (status?.conditions) status.conditions = status.conditions.filter(({ type }) => type !== RESIZE_PENDING)
}
