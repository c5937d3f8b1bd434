// SPDX-License-Identifier: Apache-2.0
import { IP_CLAIM, PORT } from '../../../lib/api/kinds.ts'
import type { Instance, IPClaim, Port } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, type Outcome } from '../../../lib/outcome.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { claimInstanceUid } from '../../ipam/claim-object.ts'

export async function reconcileIPClaim(
  claim: IPClaim,
  deps: Pick<OperatorDeps, 'caches'>,
  run: Pick<Run, 'client' | 'signal' | 'log'>,
): Promise<Outcome> {
  const { portRef } = claim.spec
  if (!portRef || claim.metadata.deletionTimestamp !== undefined) return done
  const ref = { namespace: portRef.namespace, name: portRef.name }
  const instanceUid = claimInstanceUid(claim)
  const instance = instanceUid === undefined ? undefined : deps.caches.instances.findByUid(instanceUid)
  if (!isStale(claim, deps.caches.ports.find(ref.namespace, ref.name), instance)) return done
  // Two caches are never of the same moment: a claim is given up only on what the apiserver says now.
  const port = await run.client.find<Port>(PORT, ref, { signal: run.signal })
  if (!isStale(claim, port, instance)) return done
  const { namespace, name, uid, resourceVersion } = claim.metadata
  await run.client.remove(
    IP_CLAIM,
    { namespace, name },
    { preconditions: { uid, resourceVersion }, signal: run.signal },
  )
  run.log.info({ address: claim.spec.address, port: ref }, 'address claim without a port removed')
  return done
}

/**
 * | port                               | claim |
 * |------------------------------------|-------|
 * | has this address, or none yet      | kept  |
 * | has another one in this subnet     | stale |
 * | is another object under that name  | stale |
 * | does not exist, its Instance lives | kept: it is about to be made |
 * | does not exist                     | stale |
 */
export function isStale(claim: IPClaim, port: Port | undefined, instance: Instance | undefined): boolean {
  const { portRef, address, subnetRef } = claim.spec
  if (!port) return instance === undefined || instance.metadata.deletionTimestamp !== undefined
  if (portRef?.uid !== undefined && portRef.uid !== port.metadata.uid) return true
  const known = addressesIn(port, subnetRef.name)
  return known.length > 0 && !known.includes(address)
}

function addressesIn(port: Port, subnet: string): string[] {
  const wanted = (port.spec.fixedIPs ?? []).flatMap((f) =>
    f.subnetRef.name === subnet && f.ipAddress !== undefined ? [f.ipAddress] : [],
  )
  const had = (port.status?.fixedIPs ?? []).flatMap((f) => (f.subnet === subnet ? [f.ipAddress] : []))
  return [...wanted, ...had]
}
