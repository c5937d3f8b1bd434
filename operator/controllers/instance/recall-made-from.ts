// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import { toMadeFrom } from '../common/machine-image.ts'
import type { InstanceDeps } from './deps.ts'
import { findGiven } from './given.ts'

/**
 * Of a machine that was placed before `status.image` was recorded: the document that its node was given says what it was made from, whatever its spec
 * names by now. Where that Image is gone, its name is not known any more: a root disk of number 0 without an Image says so. Without a document the node
 * was told of no machine here, so that it is made from what the spec names. A write that is lost changes nothing: the document stays what it is.
 * @throws TransientError `BusUnavailable`
 */
export async function recallMadeFrom(instance: Instance, deps: Pick<InstanceDeps, 'bus' | 'caches'>): Promise<void> {
  const status = (instance.status ??= {})
  if (status.node === undefined || status.image || status.rootDisk !== undefined) return
  const given = await findGiven(instance, deps)
  if (!given) return
  const { uid, sha256 } = given.spec.image
  const image = deps.caches.images.findByUid(uid)
  if (image) status.image = toMadeFrom(image, sha256)
  else status.rootDisk = 0
}
