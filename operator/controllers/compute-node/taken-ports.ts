// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { tellAlarm } from './alarm.ts'
import type { Caches } from '../../kind/row.ts'

const PORT_CLAIMS = 'PortClaims'
const PORTS_TAKEN = 'PortsTaken'
const NAMED = 3

/**
 * A node that claims ports in OVN whose requested chassis is another draws their traffic to itself. Its own ovn-controller does not do
 * that: somebody else does, with the node's certificate.
 * @returns the outcome for the node's Ready condition
 */
export function judgePortClaims(
  computeNode: ComputeNode,
  { network, caches }: Pick<OperatorDeps, 'network' | 'caches'>,
  run: Pick<Run, 'now' | 'event'>,
): Outcome | undefined {
  const taken = network.listTaken().filter(({ node }) => node === computeNode.metadata.name)
  const message = taken.length === 0 ? undefined : describeTaken(taken, caches)
  const over = { reason: 'AsRequested', message: 'the node claims no port that was requested elsewhere' }
  tellAlarm(computeNode, { type: PORT_CLAIMS, reason: PORTS_TAKEN, message, over }, run)
  return message === undefined ? undefined : waitFor(PORTS_TAKEN, message)
}

function describeTaken(taken: readonly { uid: string }[], caches: Pick<Caches, 'ports'>): string {
  const names = taken.map(({ uid }) => {
    const port = caches.ports.findByUid(uid)
    return port ? keyOfObject(port) : uid
  })
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : ''
  const ports = `${names.sort().slice(0, NAMED).join(', ')}${more}`
  return `it claims in OVN what was requested elsewhere: Port ${ports}. Take its power or its ports (6642, 6081) away, then set spec.lost: Confirmed`
}
