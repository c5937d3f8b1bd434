// SPDX-License-Identifier: Apache-2.0
// Ports of Routers, as both sides ask: a Router names Ports of its own namespace in spec.interfaces, and its status says which it has.
import type { Port, Router } from '../../lib/api/types.ts'
import { keyOfRef, type ObjectKey } from '../../lib/kube/object.ts'

export function hasPort({ status }: Router, portUid: string): boolean {
  return status?.ports?.some(({ uid }) => uid === portUid) ?? false
}

/** The Ports that it is to have, and those that it has. */
export function portKeysOf({ metadata: { namespace }, spec, status }: Router): ObjectKey[] {
  const wanted = (spec.interfaces ?? []).flatMap(({ portRef }) => portRef?.name ?? [])
  const present = (status?.ports ?? []).map(({ name }) => name)
  return [...new Set([...wanted, ...present])].map((name) => keyOfRef({ namespace, name }))
}

/** Whether it is to have the Port. One that is being deleted takes none. */
export function wantsPort({ metadata, spec }: Router, port: Port): boolean {
  if (metadata.deletionTimestamp !== undefined || metadata.namespace !== port.metadata.namespace) return false
  return (spec.interfaces ?? []).some(({ portRef }) => portRef?.name === port.metadata.name)
}
