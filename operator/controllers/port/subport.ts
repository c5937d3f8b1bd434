// SPDX-License-Identifier: Apache-2.0
// A Port that a Trunk was given comes by the interface of the Trunk's parent: its machine, node and epochs follow from that one's.
import type { Port, Trunk } from '../../../lib/api/types.ts'
import { isOlder } from '../../kind/is-older.ts'
import type { Caches } from '../../kind/row.ts'

export interface Subport {
  trunk: Trunk
  segmentationID: number
  /** The interface. Absent: it is gone. */
  parent: Port | undefined
}

type TrunkCaches = { caches: Pick<Caches, 'ports' | 'trunks'> }

/** Undefined for a Port that no Trunk has. One that a machine or a Router has stays theirs, whatever a Trunk has meanwhile. Pure. */
export function findSubport({ metadata, status }: Port, { caches }: TrunkCaches): Subport | undefined {
  if (status?.router || (status?.instance !== undefined && status.trunk === undefined)) return undefined
  const [trunk, ...others] = caches.trunks.listBy('subportUID', metadata.uid)
  if (!trunk) return undefined
  // Two of one moment may both have it: the older keeps it.
  const first = others.reduce((oldest, other) => (isOlder(other, oldest) ? other : oldest), trunk)
  const { parentUID, subports = [] } = first.status ?? {}
  const { segmentationID } = subports.find(({ portUID }) => portUID === metadata.uid) ?? {}
  if (segmentationID === undefined) return undefined
  return { trunk: first, segmentationID, parent: caches.ports.findByUid(parentUID ?? '') }
}

/** What stands in the Port's status. */
export function recordOf({ trunk: { metadata }, segmentationID }: Subport): NonNullable<Port['status']>['trunk'] {
  return { name: metadata.name, uid: metadata.uid, segmentationID }
}

export function isRecorded({ status }: Port, subport: Subport | undefined): boolean {
  const [had, has] = [status?.trunk, subport && recordOf(subport)]
  return had?.uid === has?.uid && had?.name === has?.name && had?.segmentationID === has?.segmentationID
}

/** The Ports that come by this one. */
export function listSubportsOn(parentUid: string, { ports, trunks }: Pick<Caches, 'ports' | 'trunks'>): Port[] {
  const given = trunks.listBy('parentUID', parentUid).flatMap(({ status }) => status?.subports ?? [])
  return given.flatMap(({ portUID }) => ports.findByUid(portUID) ?? [])
}
