// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import { isTerminal, TerminalError } from '../../../lib/errors.ts'
import { findUnsupported } from '../../../lib/image-properties.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { placementsOf, wasPlaced } from '../../placed/placement.ts'
import { allMissing, found, missing, type Found } from '../../kind/found.ts'
import { resolve, resolveOnly } from '../../kind/resolve.ts'
import {
  hasFrom,
  image as imageOfMachine,
  keyPair as keyPairOfMachine,
  serverGroup as serverGroupOfMachine,
  volume as volumeOfMachine,
} from './kind.ts'
import { readyImage, requiresKvm, whyTooSmall, type ReadyImage } from '../common/machine-image.ts'
import { chooseSize, whyNoFlavor, type ChosenSize } from './flavor.ts'
import { listMissing } from './ports.ts'
import type { InstanceDeps, InstanceRun } from './deps.ts'
import type { Admitted } from './admitted.ts'

/** Steps 3 to 5 of the flow: everything that the spec names exists and may be used. */
export async function admit(instance: Instance, deps: InstanceDeps, run: InstanceRun): Promise<Found<Admitted>> {
  const { spec } = instance
  const image = findImage(instance, deps)
  const isKept = image.ok && hasFrom(instance, image.object)
  // A machine that was placed keeps its place: if the image is unsupported, its node refuses to start it.
  const unsupported = !image.ok || isKept ? undefined : findUnsupported(image.object.spec.properties ?? {})
  if (image.ok && unsupported !== undefined) {
    throw new TerminalError('UnsupportedProperty', `Image ${keyOfObject(image.object)}: ${unsupported}`)
  }
  const size = image.ok ? chooseSize(instance, image.object, deps) : undefined
  // One that moves without its disk gets what its spec names now.
  const isOther = !isKept && instance.status?.node === undefined
  const tooSmall = image.ok && size?.ok && isOther ? whyNowTooSmall(size.object, image.object) : undefined
  if (tooSmall !== undefined && size?.ok && size.object.wish?.ok !== true)
    throw new TerminalError('FlavorTooSmall', tooSmall)
  const keyPair = spec.keyPairRef ? resolveOnly(keyPairOfMachine, instance, deps.caches) : found(undefined)
  const asksForGroup = spec.serverGroupRef !== undefined && instance.status?.node === undefined
  const group = asksForGroup ? resolveOnly(serverGroupOfMachine, instance, deps.caches) : found(undefined)
  const lacks = [
    image.ok ? undefined : image.outcome,
    size === undefined ? whyNoFlavor(instance, deps) : size.ok ? undefined : size.outcome,
    keyPair.ok ? undefined : keyPair.outcome,
    group.ok ? undefined : group.outcome,
    ...listMissingVolumes(instance, deps),
  ]
  const known = allMissing(lacks)
  const userData = await deps.userData
    .find(instance, run.client, run.signal, () => userDataGiven(instance, deps))
    .catch((error: unknown) => {
      if (known && isTerminal(error)) return undefined
      throw error
    })
  if (!image.ok || size?.ok !== true || !keyPair.ok || !group.ok || known || userData?.ok !== true) {
    const secret = userData?.ok === false ? userData.outcome : undefined
    const nics = instance.status?.node === undefined ? listMissing(instance, deps) : []
    return allMissing([...lacks, secret, ...nics]) ?? missing('Progressing', 'looked at once more')
  }
  return found({
    now: size.object.now,
    wish: size.object.wish,
    ...(tooSmall === undefined ? {} : { isTooSmall: true }),
    image: image.object,
    keyPair: keyPair.object,
    serverGroup: group.object,
    userDataBase64: userData.object,
    requireKvm: size.object.now.flavorRequiresKvm || requiresKvm(image.object),
  })
}

function whyNowTooSmall({ now: { size, flavorName } }: ChosenSize, image: ReadyImage): string | undefined {
  return whyTooSmall({ name: flavorName, ...size }, image)
}

/** Only for machines without a place. Later each volume is resolved on its own (volumes.ts), so a missing one delays nothing else. */
function listMissingVolumes(instance: Instance, { caches }: InstanceDeps): Outcome[] {
  if (instance.status?.node !== undefined) return []
  return volumeOfMachine.refs(instance).flatMap((named) => {
    const volume = resolve(volumeOfMachine, instance, named, caches)
    return volume.ok ? [] : [volume.outcome]
  })
}

/** The user data in the document, or while the machine moves in the tombstone, that a node was given for it. */
async function userDataGiven(instance: Instance, deps: InstanceDeps): Promise<string | undefined> {
  if (!wasPlaced(instance)) return undefined
  const { uid } = instance.metadata
  const nodes = new Set(placementsOf(instance).map(({ node }) => node))
  // After a new place is written and before its first document, only the tombstone at the old place has the user data.
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
  // Its node reads its first disk on the image that the document names: that has to go on to be the former one.
  if (isFirstDiskUnknown(instance)) {
    const message = `the Image that the machine was made from is gone, and its name is not known any more: the machine goes on as it is; an InstanceAction of type Rebuild makes its root disk anew from spec.imageRef, and loses what is on it`
    return missing('ImageNotFound', message)
  }
  const image = resolveOnly(imageOfMachine, instance, deps.caches)
  if (!image.ok) return image
  const { node, image: from } = instance.status ?? {}
  if (node !== undefined && from && from.uid !== image.object.metadata.uid) {
    const key = keyOfObject(image.object)
    return missing(
      'ImageNotFound',
      `Image ${key}, which the machine was made from, is gone: the one of that name is another`,
    )
  }
  return readyImage(image.object)
}

function isFirstDiskUnknown({ status = {} }: Instance): boolean {
  return status.node !== undefined && !status.image && status.rootDisk === 0
}
