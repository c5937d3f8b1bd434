// SPDX-License-Identifier: Apache-2.0
import type { Flavor, Image, Instance, KeyPair } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { FlavorSize } from '../../scheduler/amounts.ts'
import { found, isPublicTo, missing, resolve, resolveCluster, type Found } from '../common/references.ts'
import type { InstanceDeps, InstanceRun } from './reconcile.ts'

/** What the spec names, found. */
export interface Admitted {
  /** What was claimed at placement; before it, the Flavor's, with the root disk's size filled in. */
  size: FlavorSize
  /** A Flavor other than the one that the machine was placed with is asked for. */
  isResizePending: boolean
  image: Image & { status: { sha256: string } }
  keyPair: KeyPair | undefined
  userDataBase64: string | undefined
  requireKvm: boolean
}

const BYTES_PER_GIB = 1024 ** 3

/** Steps 3 to 5 of the flow: everything that the machine needs by name exists and may be used. */
export async function admit(instance: Instance, deps: InstanceDeps, run: InstanceRun): Promise<Found<Admitted>> {
  const { spec } = instance
  const from = instance.metadata.namespace ?? ''
  const isPlaced = instance.status?.flavor !== undefined
  const image = findImage(instance, deps)
  if (!image.ok) return image
  const flavor = resolveCluster({
    cache: deps.caches.flavors,
    kind: 'Flavor',
    ref: spec.flavorRef,
    field: 'spec.flavorRef',
  })
  if (!flavor.ok && !isPlaced) return flavor
  if (flavor.ok && !isPlaced) {
    const refused = checkFlavor(flavor.object, image.object, from)
    if (refused) return refused
  }
  const wanted = flavor.ok ? sizeOf(flavor.object, image.object) : undefined
  const size = instance.status?.flavor === undefined ? wanted : withDefaults(instance.status.flavor)
  if (!size) return missing('FlavorNotFound', `Flavor ${spec.flavorRef.name} does not exist`)
  let keyPair: KeyPair | undefined
  if (spec.keyPairRef) {
    const isKept = isPlaced
    const pair = resolve({
      cache: deps.caches.keyPairs,
      kind: 'KeyPair',
      ref: spec.keyPairRef,
      from,
      field: 'spec.keyPairRef',
      isKept,
    })
    if (!pair.ok) return pair
    keyPair = pair.object
  }
  for (const [i, { volumeRef }] of (spec.volumes ?? []).entries()) {
    const field = `spec.volumes[${i}].volumeRef`
    const volume = resolve({
      cache: deps.caches.volumes,
      kind: 'Volume',
      ref: volumeRef,
      from,
      field,
      isKept: isPlaced,
    })
    if (!volume.ok) return volume
  }
  const userData = await deps.userData.find(instance, run.client, run.signal, () => userDataGiven(instance, deps))
  if (!userData.ok) return userData
  return found({
    size,
    isResizePending: wanted !== undefined && !isSameSize(wanted, size),
    image: image.object,
    keyPair,
    userDataBase64: userData.object,
    requireKvm:
      (flavor.ok && flavor.object.spec.extraSpecs?.['hw:require_kvm'] === 'true') ||
      image.object.spec.properties?.['hw_require_kvm'] === 'true',
  })
}

async function userDataGiven({ metadata, status }: Instance, deps: InstanceDeps): Promise<string | undefined> {
  if (status?.node === undefined) return undefined
  const document = await deps.bus.desired.read(status.node, 'instance', metadata.uid)
  return document?.kind === 'instance' && !document.tombstone ? document.spec.userDataBase64 : undefined
}

function findImage(instance: Instance, deps: InstanceDeps): Found<Admitted['image']> {
  const image = resolve({
    cache: deps.caches.images,
    kind: 'Image',
    ref: instance.spec.imageRef,
    from: instance.metadata.namespace ?? '',
    field: 'spec.imageRef',
    isKept: instance.status?.node !== undefined,
    // It stays as long as the machine does, so it is the one that the machine was made from.
    isGranted: () => instance.status?.node !== undefined,
  })
  if (!image.ok) return image
  const { status } = image.object
  if (isReady(image.object)) return found(image.object)
  const condition = findCondition(status?.conditions, 'Ready')
  const why = condition ? `${condition.reason}: ${condition.message}` : 'it was not looked at yet'
  return missing('ImageNotReady', `Image ${keyOfObject(image.object)} is not ready: ${why}`)
}

/** A known digest is enough: a download that fails later concerns one node, not the image. */
function isReady(image: Image): image is Admitted['image'] {
  return image.status?.sha256 !== undefined
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
  const needGiB = Math.max(minDiskGiB, Math.ceil((image.status?.virtualSizeBytes ?? 0) / BYTES_PER_GIB))
  if ((spec.rootDiskGiB ?? 0) > 0 && (spec.rootDiskGiB ?? 0) < needGiB) {
    throw new TerminalError(
      'FlavorTooSmall',
      `Flavor ${metadata.name} has a root disk of ${spec.rootDiskGiB ?? 0} GiB, the image needs ${needGiB}: name a larger one in spec.flavorRef`,
    )
  }
  return undefined
}

function sizeOf({ spec }: Flavor, image: Image): FlavorSize {
  const own = spec.rootDiskGiB ?? 0
  const fallback = Math.max(
    image.spec.minDiskGiB ?? 0,
    Math.ceil((image.status?.virtualSizeBytes ?? 0) / BYTES_PER_GIB),
  )
  return {
    vcpus: spec.vcpus,
    memoryMiB: spec.memoryMiB,
    rootDiskGiB: own > 0 ? own : fallback,
    ephemeralGiB: spec.ephemeralGiB ?? 0,
    swapMiB: spec.swapMiB ?? 0,
  }
}

function withDefaults(size: NonNullable<NonNullable<Instance['status']>['flavor']>): FlavorSize {
  return { ...size, ephemeralGiB: size.ephemeralGiB ?? 0, swapMiB: size.swapMiB ?? 0 }
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
