// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import type { MachineRescue } from '../../../lib/contract/documents.ts'
import type { Caches } from '../../kind/row.ts'
import { guestProperties, leastDiskGiB, requiresKvm, type MadeFrom } from './machine-image.ts'

/** What a node is told of a rescue disk; undefined: its Image is gone. Pure. */
export function toMachineRescue(
  { disk, image: from }: { disk: number; image: MadeFrom },
  { flavor, nextFlavor }: NonNullable<Instance['status']>,
  { images }: Pick<Caches, 'images'>,
): MachineRescue | undefined {
  const image = images.find(from.namespace, from.name)
  if (!image || image.metadata.uid !== from.uid) return undefined
  const { format } = image.spec
  const size = nextFlavor ?? flavor
  return {
    disk,
    image: { uid: from.uid, sha256: from.sha256, format, properties: guestProperties(image, size?.extraSpecs) },
    requireKvm: size?.requireKVM === true || requiresKvm(image),
    sizeGiB: leastDiskGiB(image),
  }
}
