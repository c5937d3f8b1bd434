// SPDX-License-Identifier: Apache-2.0
import { GROUP, INSTANCE } from '../../lib/api/kinds.ts'
import type { Instance, Port } from '../../lib/api/types.ts'
import { isAutomaticPortName } from './automatic-port-name.ts'
import type { Caches } from '../kind/row.ts'

/** The Instance that an automatic port was made for; undefined for a user's own port and if the Instance is gone. */
export function ownerInstanceOf(port: Port, { caches }: { caches: Pick<Caches, 'instances'> }): Instance | undefined {
  const uid = ownerUidOf(port)
  const owner = uid === undefined ? undefined : caches.instances.findByUid(uid)
  return owner?.metadata.namespace === port.metadata.namespace ? owner : undefined
}

/**
 * The UID of the Instance that an automatic port was made for, even if that is gone; undefined for a user's own port. Once decided
 * (port/origin.ts) it is in the status, which only the operator writes; before that, the port's name and owner reference tell.
 */
export function ownerUidOf(port: Pick<Port, 'metadata' | 'status'>): string | undefined {
  return ownerOfPort(port)?.uid
}

export function ownerOfPort({ metadata, status }: Pick<Port, 'metadata' | 'status'>): NamedUid | undefined {
  if (status?.origin === 'User') return undefined
  if (status?.origin === 'Instance') return status.owner
  const claimed = metadata.ownerReferences?.find((o) => o.controller === true && isOurInstance(o))
  return claimed && isAutomaticPortName(metadata.name, claimed) ? { name: claimed.name, uid: claimed.uid } : undefined
}

interface NamedUid {
  name: string
  uid: string
}

function isOurInstance({ apiVersion, kind }: { apiVersion: string; kind: string }): boolean {
  return kind === INSTANCE.kind && apiVersion.startsWith(`${GROUP}/`)
}
