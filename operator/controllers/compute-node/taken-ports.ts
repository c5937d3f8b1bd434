// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../../lib/api/types.ts'
import { findCondition, isConditionTrue, setCondition } from '../../../lib/conditions.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { OperatorDeps } from '../common/deps.ts'

const PORT_CLAIMS = 'PortClaims'
const PORTS_TAKEN = 'PortsTaken'
const NAMED = 3

/**
 * A node that has claimed ports in OVN that were requested elsewhere draws their traffic to itself. Its own switch does not do that:
 * somebody else does, with the node's certificate.
 * @returns what the node's Ready says of it
 */
export function judgePortClaims(
  computeNode: ComputeNode,
  { network, caches }: Pick<OperatorDeps, 'network' | 'caches'>,
  run: Pick<Run, 'now' | 'event'>,
): Outcome | undefined {
  const status = (computeNode.status ??= {})
  const { name, generation } = computeNode.metadata
  const taken = network.listTaken().filter(({ node }) => node === name)
  const before = findCondition(status.conditions, PORT_CLAIMS)
  if (taken.length === 0) {
    if (before && !isConditionTrue(status.conditions, PORT_CLAIMS)) {
      const message = 'the node claims no port that was requested elsewhere'
      const update = { type: PORT_CLAIMS, status: 'True', reason: 'AsRequested', message } as const
      status.conditions = setCondition(status.conditions, update, generation, run.now)
    }
    return undefined
  }
  const names = taken.map(({ uid }) => {
    const port = caches.ports.findByUid(uid)
    return port ? keyOfObject(port) : uid
  })
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : ''
  const ports = `${names.sort().slice(0, NAMED).join(', ')}${more}`
  const message = `it claims in OVN what was requested elsewhere: Port ${ports}. Take its power or its ports (6642, 6081) away, then set spec.lost: Confirmed`
  const update = { type: PORT_CLAIMS, status: 'False', reason: PORTS_TAKEN, message } as const
  status.conditions = setCondition(status.conditions, update, generation, run.now)
  if (before?.status !== 'False')
    run.event({ type: 'Warning', reason: PORTS_TAKEN, action: 'Watch', note: message.slice(0, 1000) })
  return waitFor(PORTS_TAKEN, message)
}
