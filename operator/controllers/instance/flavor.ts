// SPDX-License-Identifier: Apache-2.0
import type { Flavor, Image, Instance } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import type { FlavorSize } from '../../scheduler/amounts.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { found, isPublicTo, missing, resolveCluster, type Found } from '../common/references.ts'

export interface ChosenSize {
  size: FlavorSize
  flavorName: string
  flavorRequiresKvm: boolean
  isResizePending: boolean
}

const BYTES_PER_GIB = 1024 ** 3

/**
 * The size that the machine has or, before its first placement, gets. What was placed keeps its size whatever becomes of the Flavor.
 * @throws TerminalError what can never work, for a machine without a size
 */
export function chooseSize(instance: Instance, image: Image, deps: Pick<OperatorDeps, 'caches'>): Found<ChosenSize> {
  const { flavorRef } = instance.spec
  const had = instance.status?.flavor
  const flavor = resolveCluster({
    cache: deps.caches.flavors,
    kind: 'Flavor',
    ref: flavorRef,
    field: 'spec.flavorRef',
  })
  if (had) {
    const size = { ...had, ephemeralGiB: had.ephemeralGiB ?? 0, swapMiB: had.swapMiB ?? 0 }
    const wanted = flavor.ok ? sizeOf(flavor.object, image) : undefined
    return found({
      size: onlySize(size),
      flavorName: had.name ?? flavorRef.name,
      // Version 0.1.0 did not keep it.
      flavorRequiresKvm: had.requireKVM ?? (had.name === undefined && flavor.ok && requiresKvm(flavor.object)),
      isResizePending: wanted !== undefined && !isSameSize(wanted, size),
    })
  }
  if (!flavor.ok) return flavor
  const refused = checkFlavor(flavor.object, image, instance.metadata.namespace ?? '')
  if (refused) return refused
  return found({
    size: sizeOf(flavor.object, image),
    flavorName: flavorRef.name,
    flavorRequiresKvm: requiresKvm(flavor.object),
    isResizePending: false,
  })
}

function requiresKvm({ spec }: Flavor): boolean {
  return spec.extraSpecs?.['hw:require_kvm'] === 'true'
}

/** What can never work is said before a node is looked for. @throws TerminalError */
function checkFlavor(flavor: Flavor, image: Image, namespace: string): ReturnType<typeof missing> | undefined {
  const { spec, metadata } = flavor
  if (!isPublicTo(spec, namespace)) {
    return missing(
      'FlavorNotFound',
      `Flavor ${metadata.name} in spec.flavorRef does not exist or is not shared with namespace ${namespace} (its spec.sharedWith)`,
    )
  }
  const { minDiskGiB = 0, minMemoryMiB = 0 } = image.spec
  if (spec.memoryMiB < minMemoryMiB) {
    throw new TerminalError(
      'FlavorTooSmall',
      `Flavor ${metadata.name} has ${spec.memoryMiB} MiB of memory, the image needs ${minMemoryMiB}: name a larger one in spec.flavorRef`,
    )
  }
  const needGiB = Math.max(minDiskGiB, imageGiB(image))
  if ((spec.rootDiskGiB ?? 0) > 0 && (spec.rootDiskGiB ?? 0) < needGiB) {
    throw new TerminalError(
      'FlavorTooSmall',
      `Flavor ${metadata.name} has a root disk of ${spec.rootDiskGiB ?? 0} GiB, the image needs ${needGiB}: name a larger one in spec.flavorRef`,
    )
  }
  return undefined
}

function imageGiB({ status }: Image): number {
  return Math.ceil((status?.virtualSizeBytes ?? 0) / BYTES_PER_GIB)
}

function sizeOf({ spec }: Flavor, image: Image): FlavorSize {
  const own = spec.rootDiskGiB ?? 0
  return {
    vcpus: spec.vcpus,
    memoryMiB: spec.memoryMiB,
    rootDiskGiB: own > 0 ? own : Math.max(image.spec.minDiskGiB ?? 0, imageGiB(image)),
    ephemeralGiB: spec.ephemeralGiB ?? 0,
    swapMiB: spec.swapMiB ?? 0,
  }
}

function onlySize({ vcpus, memoryMiB, rootDiskGiB, ephemeralGiB, swapMiB }: FlavorSize): FlavorSize {
  return { vcpus, memoryMiB, rootDiskGiB, ephemeralGiB, swapMiB }
}

function isSameSize(a: FlavorSize, b: FlavorSize): boolean {
  return (
    a.vcpus === b.vcpus &&
    a.memoryMiB === b.memoryMiB &&
    a.rootDiskGiB === b.rootDiskGiB &&
    a.ephemeralGiB === b.ephemeralGiB &&
    a.swapMiB === b.swapMiB
  )
}
