// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode, Instance } from '../../lib/api/types.ts'
import type { Caches } from '../kind/row.ts'

/** Whose guest is off, its memory saved or not wanted: nothing is lost when its node goes. */
const OFF = ['SHUTOFF', 'SUSPENDED']

/** Whether `kubectl drain` of its node would take a guest away from under somebody. Pure. */
export function holdsItsNode({ status }: Instance): boolean {
  return status?.node !== undefined && !OFF.includes(status.state ?? '')
}

/** The ComputeNode, when machines run there. It looks at the machines of that node alone. */
export function findHeld(node: string, caches: Pick<Caches, 'computeNodes' | 'instances'>): ComputeNode | undefined {
  const found = caches.computeNodes.find(undefined, node)
  if (found === undefined || found.metadata.deletionTimestamp !== undefined || found.spec.lost !== undefined)
    return undefined
  return caches.instances.listBy('node', node).some(holdsItsNode) ? found : undefined
}
