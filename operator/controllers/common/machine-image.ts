// SPDX-License-Identifier: Apache-2.0
// What an Image means to machines that are made from it.
import type { Flavor, Image, Instance } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { withExtraSpecs } from '../../../lib/image-properties.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import type { ExtraSpecs } from '../../scheduler/filters/extra-specs.ts'

export type ReadyImage = Image & { status: { sha256: string } }
export type MadeFrom = NonNullable<NonNullable<Instance['status']>['image']>

const BYTES_PER_GIB = 1024 ** 3

/** Whether machines can be made from it. */
export function readyImage(image: Image): Found<ReadyImage> {
  return isReady(image) ? found(image) : whyNotReady(image)
}

function whyNotReady(image: Image): Found<ReadyImage> {
  const condition = findCondition(image.status?.conditions, 'Ready')
  const why = condition ? `${condition.reason}: ${condition.message}` : 'it was not looked at yet'
  return missing('ImageNotReady', `Image ${keyOfObject(image)} is not ready: ${why}`)
}

/** A known digest is enough: if a download fails later, that is one node's problem, not the image's. */
function isReady(image: Image): image is ReadyImage {
  return image.status?.sha256 !== undefined
}

export function requiresKvm({ spec }: Image): boolean {
  return spec.properties?.['hw_require_kvm'] === 'true'
}

/** What a machine of the image and of a Flavor with these extra specs gets, by Glance's names. Pure. */
export function guestProperties({ spec }: Pick<Image, 'spec'>, extraSpecs: ExtraSpecs = {}): Record<string, string> {
  return withExtraSpecs(spec.properties ?? {}, extraSpecs)
}

/** The same, for filters. Pure. */
export function propertiesOf(image: Pick<Image, 'spec'>, extraSpecs: ExtraSpecs = {}): Record<string, string> {
  return { hw_architecture: image.spec.architecture ?? 'x86_64', ...guestProperties(image, extraSpecs) }
}

/** Why the image does not fit a machine of that size; a root disk of 0 is as large as the image. Pure. */
export function whyTooSmall(
  { name, memoryMiB, rootDiskGiB = 0 }: { name?: string; memoryMiB: number; rootDiskGiB?: number },
  image: Image,
): string | undefined {
  const { minMemoryMiB = 0 } = image.spec
  const flavor = name === undefined ? 'the Flavor' : `Flavor ${name}`
  if (memoryMiB < minMemoryMiB)
    return `${flavor} has ${memoryMiB} MiB of memory, the image needs ${minMemoryMiB}: name a larger one in spec.flavorRef`
  const needGiB = leastDiskGiB(image)
  if (rootDiskGiB > 0 && rootDiskGiB < needGiB)
    return `${flavor} has a root disk of ${rootDiskGiB} GiB, the image needs ${needGiB}: name a larger one in spec.flavorRef`
  return undefined
}

/** What a disk of the image has at least. Pure. */
export function leastDiskGiB({ spec, status }: Image): number {
  return Math.max(spec.minDiskGiB ?? 0, Math.ceil((status?.virtualSizeBytes ?? 0) / BYTES_PER_GIB))
}

/** Whether a root disk is as large as its image, since the Flavor sets no size. Pure. */
export function followsImage({ spec }: Flavor): boolean {
  return (spec.rootDiskGiB ?? 0) === 0
}

/** In the form of `status.image`. */
export function toMadeFrom({ metadata: { namespace = '', name, uid } }: Image, sha256: string): MadeFrom {
  return { namespace, name, uid, sha256 }
}
