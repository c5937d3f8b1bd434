// SPDX-License-Identifier: Apache-2.0
import type { InstanceAction } from '../../../lib/api/types.ts'
import { keyOf } from '../../kind/references.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { isFinished } from '../common/finished.ts'

export function instanceKeyOf({ spec, metadata }: InstanceAction): string {
  return keyOf(spec.instanceRef, metadata.namespace)
}

/** Its machine; what is finished asks nothing of it any more. A machine that is being deleted is waited for, as its end is. */
const instance: Reference<InstanceAction, 'instances'> = {
  to: 'instances',
  refs: (action) => (isFinished(action) ? [] : [{ ref: action.spec.instanceRef, field: 'spec.instanceRef' }]),
}

/** What a root disk, or a rescue disk, is being made from; then the machine itself holds it. */
const image: Reference<InstanceAction, 'images'> = {
  to: 'images',
  refs: ({ status }) =>
    status?.state === 'Running' && status.image
      ? [{ ref: { namespace: status.image.namespace, name: status.image.name }, field: 'status.image' }]
      : [],
  isKept: () => true,
  isGranted: () => true,
  holds: () => true,
}

/** What a Rescue that has not begun names. */
export const rescueImage: Reference<InstanceAction, 'images'> = {
  to: 'images',
  refs: ({ spec, status }) =>
    spec.rescue && (status?.state ?? 'Pending') === 'Pending'
      ? [{ ref: spec.rescue.imageRef, field: 'spec.rescue.imageRef' }]
      : [],
}

/** What a Snapshot makes. */
const made: Reference<InstanceAction, 'images'> = {
  to: 'images',
  refs: (action) =>
    action.spec.type === 'Snapshot' && !isFinished(action)
      ? [{ ref: { name: imageNameOf(action) }, field: 'spec.snapshot.imageName' }]
      : [],
}

export function imageNameOf({ metadata, spec }: InstanceAction): string {
  return spec.snapshot?.imageName ?? metadata.name
}

export const instanceActionKind: KindRow<InstanceAction> = {
  references: { instance, image, rescueImage, made },
  indexes: {
    /** The machine of one that is over. */
    finishedOf: (action) => (isFinished(action) ? [instanceKeyOf(action)] : []),
    /** UID of the machine that has it in its document. */
    running: ({ status }) => (status?.state === 'Running' ? [status.instanceUID ?? ''] : []),
  },
}
