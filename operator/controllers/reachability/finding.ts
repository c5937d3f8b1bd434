// SPDX-License-Identifier: Apache-2.0
import type { Reachability } from '../../../lib/api/types.ts'
import type { KubeObject } from '../../../lib/kube/object.ts'

type Status = NonNullable<Reachability['status']>
export type Hop = NonNullable<Status['requestPath']>[number]
export type Action = Hop['action']

/** What stops a packet, in words of our resources. */
export interface Finding {
  reason: string
  message: string
  /** Absent: it has no name that may be told. */
  of?: Named
}

export interface Named {
  kind: string
  namespace?: string
  name: string
}

export function named(kind: string, { metadata }: KubeObject): Named {
  const { namespace, name } = metadata
  return namespace === undefined ? { kind, name } : { kind, namespace, name }
}

/** `Port team/eth0`. */
export function say({ kind, namespace, name }: Named): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`
}
