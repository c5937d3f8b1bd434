// SPDX-License-Identifier: Apache-2.0
import { PORT } from '../../../lib/api/kinds.ts'
import type { Instance, IPClaim, Port } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, type Outcome } from '../../../lib/outcome.ts'
import type { ClaimEntry } from '../../ipam/claim-block.ts'
import { toStoredBlock } from '../../ipam/claim-object.ts'
import type { OperatorDeps } from '../common/deps.ts'

export async function reconcileIPClaim(
  claim: IPClaim,
  deps: Pick<OperatorDeps, 'caches' | 'addresses'>,
  run: Pick<Run, 'client' | 'signal' | 'log'>,
): Promise<Outcome> {
  if (claim.metadata.deletionTimestamp !== undefined) return done
  const block = toStoredBlock(claim)
  const stale: ClaimEntry[] = []
  for (const entry of block.entries) {
    const { portRef, instanceUid } = entry
    const instance = instanceUid === undefined ? undefined : deps.caches.instances.findByUid(instanceUid)
    const isIdle = (port: Port | undefined) => isStale(entry, block.subnetName, port, instance)
    if (!isIdle(deps.caches.ports.find(portRef.namespace, portRef.name))) continue
    // Two caches are never of the same moment: an address is given up only on what the apiserver says now.
    if (isIdle(await run.client.find<Port>(PORT, portRef, { signal: run.signal }))) stale.push(entry)
  }
  await deps.addresses.release(stale.map((entry) => ({ block, entry })))
  for (const { address, portRef } of stale)
    run.log.info({ address, port: `${portRef.namespace}/${portRef.name}` }, 'address claim without a port released')
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
export function isStale(
  { address, portRef }: ClaimEntry,
  subnetName: string,
  port: Port | undefined,
  instance: Instance | undefined,
): boolean {
  if (!port) return instance === undefined || instance.metadata.deletionTimestamp !== undefined
  if (portRef.uid !== undefined && portRef.uid !== port.metadata.uid) return true
  const known = addressesIn(port, subnetName)
  return known.length > 0 && !known.includes(address)
}

function addressesIn(port: Port, subnet: string): string[] {
  const wanted = (port.spec.fixedIPs ?? []).flatMap((f) =>
    f.subnetRef.name === subnet && f.ipAddress !== undefined ? [f.ipAddress] : [],
  )
  const had = (port.status?.fixedIPs ?? []).flatMap((f) => (f.subnet === subnet ? [f.ipAddress] : []))
  return [...wanted, ...had]
}
