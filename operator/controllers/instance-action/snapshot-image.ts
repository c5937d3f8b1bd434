// SPDX-License-Identifier: Apache-2.0
// The Image that a Snapshot makes, as Nova makes one in Glance. Pure.
import type { Image, Instance, InstanceAction } from '../../../lib/api/types.ts'
import type { NewObject } from '../../../lib/kube/client.ts'
import { GROUP, IMAGE, VERSION } from '../../../lib/api/kinds.ts'
import { leastDiskGiB } from '../common/machine-image.ts'
import { ACTION_UID, MANAGED } from '../image/stored.ts'
import { imageNameOf } from './kind.ts'

/** Of the schema. */
const MOST_PROPERTIES = 64

type Properties = NonNullable<Image['spec']['properties']>

/** @param from what the root disk was made from; undefined: it is gone */
export function snapshotImage(
  action: InstanceAction,
  machine: Instance,
  from: Image | undefined,
  store: string,
): NewObject<Image> {
  const { namespace = '', name, uid } = action.metadata
  const { minMemoryMiB = 0, architecture } = from?.spec ?? {}
  const minDiskGiB = Math.max(machine.status?.flavor?.rootDiskGiB ?? 0, from ? leastDiskGiB(from) : 0)
  return {
    apiVersion: `${GROUP}/${VERSION}`,
    kind: IMAGE.kind,
    metadata: { namespace, name: imageNameOf(action), labels: { ...MANAGED, [ACTION_UID]: uid } },
    spec: {
      source: { snapshot: { instanceActionRef: { name }, imageStoreRef: { name: store } } },
      format: 'qcow2',
      minDiskGiB,
      minMemoryMiB,
      ...(architecture === undefined ? {} : { architecture }),
      properties: propertiesOf(action, machine, from?.spec.properties ?? {}),
    },
  }
}

/** Those of what it was made from, such as its firmware, and Nova's of a snapshot. */
function propertiesOf({ spec }: InstanceAction, machine: Instance, before: Properties): Properties {
  const { backup } = spec.snapshot ?? {}
  const own: Properties = {
    image_type: backup ? 'backup' : 'snapshot',
    base_image_ref: machine.status?.image?.uid ?? '',
    instance_uuid: machine.metadata.uid,
    ...(backup ? { backup_type: backup.type } : {}),
  }
  const kept = Object.entries(before).filter(([key]) => !(key in own) && key !== 'backup_type')
  return { ...Object.fromEntries(kept.slice(0, MOST_PROPERTIES - Object.keys(own).length)), ...own }
}

/**
 * Those that a backup is one too many with, the oldest first; the newest is the one that was made right now.
 * @param images of the namespace, whose bytes there are: one without any is no backup
 */
export function listSuperseded(
  images: readonly Image[],
  { instanceUid, type, keep, made }: { instanceUid: string; type: string; keep: number; made: string },
): Image[] {
  const backups = images
    .filter(({ spec: { source, properties = {} } }) => source.snapshot && properties['image_type'] === 'backup')
    .filter(({ spec: { properties = {} } }) => properties['instance_uuid'] === instanceUid)
    .filter(({ spec: { properties = {} } }) => properties['backup_type'] === type)
    .filter(({ metadata, status }) => metadata.uid !== made && status?.sha256 !== undefined)
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
  return backups.slice(0, Math.max(0, backups.length + 1 - keep))
}

function orderOf({ metadata }: Image): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.uid}`
}
