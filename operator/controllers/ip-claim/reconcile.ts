// SPDX-License-Identifier: Apache-2.0
import { PORT } from '../../../lib/api/kinds.ts'
import type { Instance, IPClaim, Port } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, type Outcome } from '../../../lib/outcome.ts'
import type { ClaimEntry } from '../../ipam/claim-block.ts'
import { toStoredBlock } from '../../ipam/claim-object.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { keyOf } from '../../kind/references.ts'

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
    const isIdle = (port: Port | undefined) =>
      isStale(entry, block.subnetName, { port, instance, isSettled: port !== undefined && hasItsAddresses(port, deps) })
    if (!isIdle(deps.caches.ports.find(portRef.namespace, portRef.name))) continue
    // Two caches never show the same moment: an address is released only if the apiserver confirms it now.
    if (isIdle(await run.client.find<Port>(PORT, portRef, { signal: run.signal }))) stale.push(entry)
  }
  await deps.addresses.release(stale.map((entry) => ({ block, entry })))
  for (const { address, portRef } of stale)
    run.log.info({ address, port: `${portRef.namespace}/${portRef.name}` }, 'address claim without a port released')
  return done
}

interface Claimants {
  port: Port | undefined
  instance: Instance | undefined
  /** The port already has all its addresses. */
  isSettled: boolean
}

/**
 * | port                               | claim |
 * |------------------------------------|-------|
 * | has this address                   | kept  |
 * | has another one in this subnet     | stale |
 * | has all of its in other subnets    | stale: left by an abandoned attempt |
 * | has not got all of its yet         | kept  |
 * | is another object under that name  | stale |
 * | does not exist, its Instance lives | kept: it is about to be made |
 * | does not exist                     | stale |
 */
function isStale(
  { address, portRef }: ClaimEntry,
  subnetName: string,
  { port, instance, isSettled }: Claimants,
): boolean {
  if (!port) return instance === undefined || instance.metadata.deletionTimestamp !== undefined
  if (portRef.uid !== undefined && portRef.uid !== port.metadata.uid) return true
  const known = addressesIn(port, subnetName)
  return !known.includes(address) && (isSettled || known.length > 0)
}

/** Whether the port claims no further addresses: those in its status are its for life, unless none of their subnets exists any more. */
function hasItsAddresses({ spec, status, metadata }: Port, { caches }: Pick<OperatorDeps, 'caches'>): boolean {
  const subnets = caches.subnets.listBy('network', keyOf(spec.networkRef, metadata.namespace))
  return (status?.fixedIPs ?? []).some((had) => subnets.some((subnet) => subnet.metadata.name === had.subnet))
}

function addressesIn(port: Port, subnet: string): string[] {
  const wanted = (port.spec.fixedIPs ?? []).flatMap((f) =>
    f.subnetRef.name === subnet && f.ipAddress !== undefined ? [f.ipAddress] : [],
  )
  const had = (port.status?.fixedIPs ?? []).flatMap((f) => (f.subnet === subnet ? [f.ipAddress] : []))
  return [...wanted, ...had]
}
