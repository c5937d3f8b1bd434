// SPDX-License-Identifier: Apache-2.0
// Whether a machine can be rescued, with which Image, and what an Unrescue ends: refused before its guest is touched (docs/decisions/0080).
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import { findUnsupportedForRescue } from '../../../lib/image-properties.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { resolve } from '../../kind/resolve.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { readyImage, toMadeFrom, type ReadyImage } from '../common/machine-image.ts'
import { saidOfRootDisks } from '../common/root-disk-numbers.ts'
import { rescueImage } from './kind.ts'
import { nextDisk, toRefusal, whyUnfit, type Planned, type RebuildDeps, type Refusal } from './rebuild.ts'

/** Of its rescue disk, by the latest that its node said; undefined: it is in none. */
export function rescueDiskOf(
  { metadata, status = {} }: Instance,
  { bus }: Pick<OperatorDeps, 'bus'>,
): number | undefined {
  const said = saidOfRootDisks(status, bus.observed.find('instance', metadata.uid, status.node))
  return said?.has === undefined ? status.rescue?.disk : said.rescue
}

/** What a Rescue is given, or why not. */
export function planRescue(action: InstanceAction, machine: Instance, deps: RebuildDeps): Planned | Refusal {
  const image = findRescueImage(action, machine, deps)
  if (!image.ok) return toRefusal(image.outcome, 'the Image to rescue the machine with cannot be used')
  const disk = nextDisk(machine, deps)
  if (typeof disk !== 'number') return disk
  const unsupported = findUnsupportedForRescue(image.object.spec.properties ?? {})
  if (unsupported !== undefined) {
    const message = `Image ${keyOfObject(image.object)}: ${unsupported}`
    return { reason: 'UnsupportedProperty', message, isFinal: true }
  }
  const why = whyUnfit(machine, image.object, 'rescue', deps)
  if (why) return { ...why, isFinal: true }
  return { image: toMadeFrom(image.object, image.object.status.sha256), rootDisk: disk }
}

/** Which rescue disk an Unrescue takes away, or why none. */
export function planUnrescue(machine: Instance, deps: Pick<OperatorDeps, 'bus'>): Planned | Refusal {
  const disk = rescueDiskOf(machine, deps)
  if (disk !== undefined) return { rootDisk: disk }
  const { name } = machine.metadata
  if (machine.status?.rebuilds?.some(({ isRescue }) => isRescue === true)) {
    const message = `node ${machine.status.node ?? ''} has not said whether it rescued Instance ${name}: this goes on once it has`
    return { reason: 'RootDiskUnclear', message, isFinal: false }
  }
  const message = `Instance ${name} is not in rescue: it boots from its own root disk`
  return { reason: 'InstanceNotRescued', message, isFinal: true }
}

/** The one that is asked for, or the one that its root disk was made from. */
function findRescueImage(action: InstanceAction, machine: Instance, { caches }: RebuildDeps): Found<ReadyImage> {
  const [named] = rescueImage.refs(action)
  if (named) {
    const image = resolve(rescueImage, action, named, caches)
    return image.ok ? readyImage(image.object) : image
  }
  const from = machine.status?.image
  const own = from && caches.images.find(from.namespace, from.name)
  if (own && own.metadata.uid === from.uid) {
    const image = readyImage(own)
    return image.ok ? found(image.object) : image
  }
  const message = `what the root disk of Instance ${machine.metadata.name} was made from is ${from ? 'not there any more' : 'not known'}: name an Image in spec.rescue.imageRef`
  return missing('ImageNotFound', message)
}
