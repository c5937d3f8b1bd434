// SPDX-License-Identifier: Apache-2.0
import type { Image, Instance, KeyPair } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { findUnsupported } from '../../../lib/image-properties.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { placementsOf, wasPlaced } from '../common/holding.ts'
import { found, missing, resolve, type Found } from '../common/references.ts'
import { chooseSize, type MachineSize, type SizeWish } from './flavor.ts'
import type { InstanceDeps, InstanceRun } from './reconcile.ts'

/** What the spec names, found. */
export interface Admitted {
  /** What the machine has, or gets at its next start; before its placement, what it shall get. */
  now: MachineSize
  /** What a Flavor that spec.flavorRef names beside it comes to. */
  wish: SizeWish | undefined
  image: ReadyImage
  keyPair: KeyPair | undefined
  userDataBase64: string | undefined
  requireKvm: boolean
}

export type ReadyImage = Image & { status: { sha256: string } }

/** Steps 3 to 5 of the flow: everything that the machine needs by name exists and may be used. */
export async function admit(instance: Instance, deps: InstanceDeps, run: InstanceRun): Promise<Found<Admitted>> {
  const { spec } = instance
  const from = instance.metadata.namespace ?? ''
  const isKept = wasPlaced(instance)
  const image = findImage(instance, deps)
  if (!image.ok) return image
  // A machine that has its place keeps it: its node refuses what it would have to start with.
  const unsupported = isKept ? undefined : findUnsupported(image.object.spec.properties ?? {})
  if (unsupported !== undefined) {
    throw new TerminalError('UnsupportedProperty', `Image ${keyOfObject(image.object)}: ${unsupported}`)
  }
  const size = chooseSize(instance, image.object, deps)
  if (!size.ok) return size
  let keyPair: KeyPair | undefined
  if (spec.keyPairRef) {
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
  const hasPlace = instance.status?.node !== undefined
  // Of a machine that is there each volume is looked for by itself (volumes.ts): one that is missing keeps nothing else from it.
  for (const [i, { volumeRef }] of (hasPlace ? [] : (spec.volumes ?? [])).entries()) {
    const field = `spec.volumes[${i}].volumeRef`
    const volume = resolve({
      cache: deps.caches.volumes,
      kind: 'Volume',
      ref: volumeRef,
      from,
      field,
      isKept,
    })
    if (!volume.ok) return volume
  }
  const userData = await deps.userData.find(instance, run.client, run.signal, () => userDataGiven(instance, deps))
  if (!userData.ok) return userData
  return found({
    now: size.object.now,
    wish: size.object.wish,
    image: image.object,
    keyPair,
    userDataBase64: userData.object,
    requireKvm: size.object.now.flavorRequiresKvm || requiresKvm(image.object),
  })
}

/** As the machine's node was told, or is told to forget while the machine moves. */
async function userDataGiven(instance: Instance, deps: InstanceDeps): Promise<string | undefined> {
  if (!wasPlaced(instance)) return undefined
  const { uid } = instance.metadata
  const nodes = new Set(placementsOf(instance).map(({ node }) => node))
  // Between the write of a new place and the first document for it the old place's tombstone is all there is.
  for (const { metadata } of deps.caches.computeNodes.list()) nodes.add(metadata.name)
  for (const node of nodes) {
    if (!deps.bus.desired.find(node, 'instance', uid)) continue
    const document = await deps.bus.desired.read(node, 'instance', uid)
    if (document?.kind !== 'instance') continue
    const given = document.tombstone ? document.userDataBase64 : document.spec.userDataBase64
    if (given !== undefined) return given
  }
  return undefined
}

function findImage(instance: Instance, deps: InstanceDeps): Found<ReadyImage> {
  const image = resolve({
    cache: deps.caches.images,
    kind: 'Image',
    ref: instance.spec.imageRef,
    from: instance.metadata.namespace ?? '',
    field: 'spec.imageRef',
    isKept: wasPlaced(instance),
    // It stays as long as the machine does, so it is the one that the machine was made from.
    isGranted: () => wasPlaced(instance),
  })
  if (!image.ok) return image
  const { status } = image.object
  if (isReady(image.object)) return found(image.object)
  const condition = findCondition(status?.conditions, 'Ready')
  const why = condition ? `${condition.reason}: ${condition.message}` : 'it was not looked at yet'
  return missing('ImageNotReady', `Image ${keyOfObject(image.object)} is not ready: ${why}`)
}

/** A known digest is enough: a download that fails later concerns one node, not the image. */
function isReady(image: Image): image is ReadyImage {
  return image.status?.sha256 !== undefined
}

export function requiresKvm({ spec }: Image): boolean {
  return spec.properties?.['hw_require_kvm'] === 'true'
}
