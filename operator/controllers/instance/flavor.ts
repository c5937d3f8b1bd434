// SPDX-License-Identifier: Apache-2.0
import type { Flavor, Image, Instance } from '../../../lib/api/types.ts'
import { isTerminal, TerminalError } from '../../../lib/errors.ts'
import { findUnsupportedSpec } from '../../../lib/image-properties.ts'
import { sizeWithDefaults, type FlavorSize } from '../../scheduler/nodes/amounts.ts'
import { readByFilters, type ExtraSpecs } from '../../scheduler/filters/extra-specs.ts'
import type { PlacementRequest } from '../../scheduler/filters/request.ts'
import { numaWishOf, type NumaWish } from '../../scheduler/numa/numa-wish.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { followsImage, leastDiskGiB, whyTooSmall } from '../common/machine-image.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { isPublicTo, resolveOnly } from '../../kind/resolve.ts'
import { flavor as flavorOfMachine } from './kind.ts'

/** The size that a Flavor gives one machine. */
export interface MachineSize {
  size: FlavorSize
  flavorName: string
  flavorRequiresKvm: boolean
  /** What the Flavor asks of the scheduler beyond that. */
  extraSpecs: ExtraSpecs
}

/** Another Flavor than the machine's is asked for: its size, or why the machine cannot have it. */
export type SizeWish = ({ ok: true } & MachineSize) | { ok: false; flavorName: string; reason: string; message: string }

export interface ChosenSize {
  /** What the machine has or gets at its next start, as claimed; before its first placement, the Flavor's. */
  now: MachineSize
  wish?: SizeWish
}

export type StatusFlavor = NonNullable<NonNullable<Instance['status']>['flavor']>

/**
 * The size that the machine has or, before its first placement, will get. A placed machine keeps its size whatever happens to the Flavor;
 * only naming another Flavor makes a wish.
 * @throws TerminalError for a machine without a size, if the Flavor can never work
 */
export function chooseSize(instance: Instance, image: Image, deps: Pick<OperatorDeps, 'caches'>): Found<ChosenSize> {
  const { flavor: had, nextFlavor } = instance.status ?? {}
  if (!had) {
    const asked = findSize(instance, image, deps)
    return asked.ok ? found({ now: asked.object }) : asked
  }
  const sizeBy = (flavor: StatusFlavor) =>
    fitToImage(toMachineSize(flavor, instance.spec.flavorRef.name), instance, image, deps)
  const claimed = sizeBy(nextFlavor ?? had)
  const wish = findWish(instance, image, sizeBy(had), deps)
  // Version 0.1.0 recorded neither the Flavor's name nor whether it requires KVM.
  const isUnnamed = had.name === undefined && nextFlavor === undefined && wish?.ok === true
  if (isUnnamed && isSameSize(wish.size, claimed.size)) return found({ now: wish })
  return found({ now: claimed, ...(wish === undefined ? {} : { wish }) })
}

/** Of one that moves without its disk: where its Flavor sets none, the next is as large as what it is made from by now, and no smaller than it was. */
function fitToImage(
  has: MachineSize,
  { status }: Instance,
  image: Image,
  { caches }: Pick<OperatorDeps, 'caches'>,
): MachineSize {
  const flavor = status?.node === undefined ? caches.flavors.findByKey(has.flavorName) : undefined
  if (!flavor || !followsImage(flavor)) return has
  return { ...has, size: { ...has.size, rootDiskGiB: Math.max(has.size.rootDiskGiB, leastDiskGiB(image)) } }
}

function findWish(
  instance: Instance,
  image: Image,
  has: MachineSize,
  deps: Pick<OperatorDeps, 'caches'>,
): SizeWish | undefined {
  const flavorName = instance.spec.flavorRef.name
  const { flavor: had, nextFlavor } = instance.status ?? {}
  if (had?.name === flavorName && (nextFlavor?.name ?? flavorName) === flavorName) return undefined
  // The machine already has this Flavor: only the claim for another size is given up.
  if (had?.name === flavorName) return { ok: true, ...has }
  try {
    const asked = findSize(instance, image, deps)
    if (asked.ok) return cannotShrink(has.size, asked.object) ?? { ok: true, ...asked.object }
    // If the machine's own Flavor is not recorded, a missing Flavor may well be that one, so it is no wish.
    if (asked.outcome.kind !== 'wait' || had?.name === undefined) return undefined
    return { ok: false, flavorName, reason: asked.outcome.reason, message: asked.outcome.message }
  } catch (error) {
    if (!isTerminal(error)) throw error
    return { ok: false, flavorName, reason: error.reason, message: error.message }
  }
}

function cannotShrink(has: FlavorSize, { size, flavorName }: MachineSize): SizeWish | undefined {
  for (const [field, what] of [
    ['rootDiskGiB', 'a root disk'],
    ['ephemeralGiB', 'an ephemeral disk'],
  ] as const) {
    if (size[field] >= has[field]) continue
    const message = `Flavor ${flavorName} in spec.flavorRef has ${what} of ${size[field]} GiB, the machine's has ${has[field]} and cannot shrink: name one with at least that`
    return { ok: false, flavorName, reason: 'DiskCannotShrink', message }
  }
  return undefined
}

/** Why the Flavor does not resolve, for a machine without a size whose image is missing, so that chooseSize cannot tell. */
export function whyNoFlavor(instance: Instance, { caches }: Pick<OperatorDeps, 'caches'>): Outcome | undefined {
  if (instance.status?.flavor) return undefined
  const flavor = resolveOnly(flavorOfMachine, instance, caches)
  return flavor.ok ? undefined : flavor.outcome
}

/** The size by spec.flavorRef, if that Flavor exists and may be used. @throws TerminalError */
function findSize(instance: Instance, image: Image, deps: Pick<OperatorDeps, 'caches'>): Found<MachineSize> {
  const { flavorRef } = instance.spec
  const flavor = resolveOnly(flavorOfMachine, instance, deps.caches)
  if (!flavor.ok) return flavor
  const refused = checkFlavor(flavor.object, image, instance.metadata.namespace ?? '')
  if (refused) return refused
  const { extraSpecs } = flavor.object.spec
  // Throws for what no node can give.
  numaWishOf(flavor.object.spec, extraSpecs ?? {})
  const unsupported = findUnsupportedSpec(extraSpecs ?? {}, image.spec.properties ?? {})
  if (unsupported !== undefined)
    throw new TerminalError('UnsupportedProperty', `Flavor ${flavorRef.name}: ${unsupported}`)
  return found({
    size: sizeOf(flavor.object, image),
    flavorName: flavorRef.name,
    flavorRequiresKvm: extraSpecs?.['hw:require_kvm'] === 'true',
    extraSpecs: readByFilters(extraSpecs),
  })
}

/** Reports what can never work, before a node is looked for. @throws TerminalError */
function checkFlavor(flavor: Flavor, image: Image, namespace: string): ReturnType<typeof missing> | undefined {
  const { spec, metadata } = flavor
  if (!isPublicTo(spec, namespace)) {
    return missing(
      'FlavorNotFound',
      `Flavor ${metadata.name} in spec.flavorRef does not exist or is not shared with namespace ${namespace} (its spec.sharedWith)`,
    )
  }
  const tooSmall = whyTooSmall({ name: metadata.name, ...spec }, image)
  if (tooSmall !== undefined) throw new TerminalError('FlavorTooSmall', tooSmall)
  return undefined
}

function sizeOf(flavor: Flavor, image: Image): FlavorSize {
  const { spec } = flavor
  return {
    vcpus: spec.vcpus,
    memoryMiB: spec.memoryMiB,
    rootDiskGiB: followsImage(flavor) ? leastDiskGiB(image) : (spec.rootDiskGiB ?? 0),
    ephemeralGiB: spec.ephemeralGiB ?? 0,
    swapMiB: spec.swapMiB ?? 0,
  }
}

function toMachineSize(flavor: StatusFlavor, fallbackName: string): MachineSize {
  const { name = fallbackName, requireKVM = false, extraSpecs = {} } = flavor
  return { size: sizeWithDefaults(flavor), flavorName: name, flavorRequiresKvm: requireKVM, extraSpecs }
}

/** In the form of `status.flavor`. */
export function toStatusFlavor({ size, flavorName, flavorRequiresKvm, extraSpecs }: MachineSize): StatusFlavor {
  return {
    ...{ name: flavorName, ...size, ...(flavorRequiresKvm ? { requireKVM: true } : {}) },
    ...(Object.keys(extraSpecs).length > 0 ? { extraSpecs: { ...extraSpecs } } : {}),
  }
}

/** As filters ask for it. */
export function toFlavorRequest({ flavorName, extraSpecs }: MachineSize): NonNullable<PlacementRequest['flavor']> {
  return { name: flavorName, extraSpecs }
}

/** What the size asks of NUMA; undefined: nothing. */
export function numaWishFor({ size, extraSpecs }: MachineSize): NumaWish | undefined {
  return numaWishOf(size, extraSpecs)
}

export function isSameSize(a: FlavorSize, b: FlavorSize): boolean {
  return (
    a.vcpus === b.vcpus &&
    a.memoryMiB === b.memoryMiB &&
    a.rootDiskGiB === b.rootDiskGiB &&
    a.ephemeralGiB === b.ephemeralGiB &&
    a.swapMiB === b.swapMiB
  )
}
