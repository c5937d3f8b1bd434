// SPDX-License-Identifier: Apache-2.0
import type { Instance, Port } from '../../../lib/api/types.ts'
import type { ObservedNic } from '../../../lib/contract/documents.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { isListed } from '../../bus/listed.ts'
import type { MachineNic } from '../../bus/machine-index.ts'
import { findRecordedNic, identitiesOf, isWithinMeans, listUnrecorded, names } from '../common/claimed-nics.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isConfirmedLost } from '../../placed/lost-node.ts'
import { restoreWindowMs } from '../../restore-guard/restore-window.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

const OWNERSHIP_UNCLEAR = 'OwnershipUnclear'

type UnclearDeps = Pick<OperatorDeps, 'bus' | 'caches'>

/**
 * Before a placement: does a node already have this machine, or one with its MAC or address? Then the resource was restored without its
 * status, or made anew, and placing it would run the machine twice. First the node must release its machine or be given up.
 *
 * | a node's machine                                     | on the same network | held                                               |
 * |------------------------------------------------------|---------------------|----------------------------------------------------|
 * | with this UID, of a newer epoch than the resource's  |                     | yes                                                |
 * | with this UID, an orphan                             |                     | yes                                                |
 * | with the MAC, or an address                          | yes                 | yes                                                |
 * | with the MAC, or an address                          | another one         | no: both mean something on their network only      |
 * | with the MAC                                         | not known           | yes                                                |
 * | with an address                                      | not known           | no: every network has a 10.0.0.2                   |
 * | with the same Port, which that node has released     |                     | no: the Port has moved here                        |
 * | any, on a node that is confirmed lost                |                     | no                                                 |
 *
 * A node's claim to a MAC or an address is believed if our own record of that Port agrees. A claim without a record is believed while a
 * restore may have lost the record (restore-window.ts), if the node could run so many machines; else its ComputeNode reports the claim
 * (unknown-machines.ts) and the machine is placed (docs/decisions/0028).
 *
 * Pure. @param ports of this machine, with MAC and addresses
 */
export function findUnclearOwner(
  instance: Instance,
  ports: readonly Port[],
  deps: UnclearDeps,
  now: Date,
): Outcome | undefined {
  const what = findSameMachine(instance, deps)
  return what === undefined ? findSameInterface(instance, ports, deps, now) : waitFor(OWNERSHIP_UNCLEAR, what)
}

function findSameMachine({ metadata, status }: Instance, deps: UnclearDeps): string | undefined {
  const { uid } = metadata
  const { epoch = 0 } = status ?? {}
  const { observed } = deps.bus
  const owner = observed
    .findAll('instance', uid)
    .find((report) => report.state !== 'gone' && report.versions.epoch > epoch && !isConfirmedLost(report.node, deps))
  if (owner)
    return `node ${owner.node} has a machine of this identity (epoch ${owner.versions.epoch}), but status.node is empty: restore status.node and status.epoch`
  const orphan = [...observed.listOrphans(uid), ...listRemembered(uid, deps)].find(
    ({ node }) => !isConfirmedLost(node, deps),
  )
  return (
    orphan &&
    `node ${orphan.node} has a machine with the UID of this one, ${uid}, that it has no document of. ${wayOut(orphan)}`
  )
}

/** Orphans in the status of ComputeNodes whose nodes have not listed their machines since this process started. */
function listRemembered(uid: string, { bus, caches }: UnclearDeps): { node: string }[] {
  return caches.computeNodes
    .listBy('orphan', uid)
    .map(({ metadata }) => ({ node: metadata.name, report: bus.observed.find('node', metadata.uid, metadata.name) }))
    .filter(({ node, report }) => !isListed(report, 'instance') && !bus.observed.find('instance', uid, node))
}

function findSameInterface(
  instance: Instance,
  ports: readonly Port[],
  deps: UnclearDeps,
  now: Date,
): Outcome | undefined {
  const windowMs = restoreWindowMs(deps, now)
  for (const port of ports) {
    const { mac, addresses } = identitiesOf(port)
    // MAC first: if both conflict, the MAC tells more.
    for (const value of mac === undefined ? addresses : [mac, ...addresses]) {
      for (const found of deps.bus.observed.listNics(value)) {
        if (found.uid === instance.metadata.uid || isConfirmedLost(found.node, deps)) continue
        const ground = findGround(found, value, port, deps)
        if (ground === undefined || (ground === 'report' && !isCredible(found.node, windowMs, deps))) continue
        const retryMs = ground === 'report' ? windowMs : undefined
        return waitFor(OWNERSHIP_UNCLEAR, describe(found, value, port), retryMs)
      }
    }
  }
  return undefined
}

/** What says that the node's machine has this Port's MAC or address: our own record, or the node's report alone. Undefined: nothing. */
function findGround(found: MachineNic, value: string, port: Port, deps: UnclearDeps): 'record' | 'report' | undefined {
  const { node, nic } = found
  if (nic.portUid === port.metadata.uid) {
    if (!isOnNode(port, node, deps)) return undefined
    return deps.bus.desired.find(node, 'port', port.metadata.uid) || port.status?.node === node ? 'record' : 'report'
  }
  const recorded = findRecordedNic(nic, node, deps)
  const isOnRecord = recorded !== undefined && names(recorded, value)
  const told = isOnRecord ? recorded : nic
  const isSame = isSameNetwork(told, port, deps) ?? value === told.mac
  return isSame ? (isOnRecord ? 'record' : 'report') : undefined
}

function isCredible(node: string, windowMs: number, deps: UnclearDeps): boolean {
  return windowMs > 0 && isWithinMeans(listUnrecorded(node, deps), deps.caches.computeNodes.find(undefined, node))
}

/** Undefined: nobody can tell. If the UID is not a known Network's, the name decides: a Network made anew has another UID. */
function isSameNetwork({ networkUid, network }: ObservedNic, port: Port, { caches }: UnclearDeps): boolean | undefined {
  const key = networkKeyOf(port)
  const uid = port.status?.networkUID ?? caches.networks.findByKey(key)?.metadata.uid
  if (networkUid !== undefined && networkUid === uid) return true
  if (networkUid !== undefined && caches.networks.findByUid(networkUid)) return false
  return network === undefined ? undefined : network === key
}

function isOnNode(port: Port, node: string, { bus }: UnclearDeps): boolean {
  const report = bus.observed.find('port', port.metadata.uid, node)
  return report !== undefined && report.state !== 'gone'
}

function describe(found: MachineNic, value: string, port: Port): string {
  const { node, uid, name, nic, isOrphan } = found
  const which = isOrphan ? `a machine without a document (${uid})` : `machine ${name ?? ''} (${uid})`
  const what = value === nic.mac ? `MAC ${value}` : `address ${value}`
  return `node ${node} has ${which} with the ${what} of this machine's Port ${keyOfObject(port)}. ${wayOut(found)}`
}

function wayOut({ node }: { node: string }): string {
  return (
    `Is it this machine from before a restore? Have the node release it (docs/backup.md), ` +
    `or set spec.lost: Confirmed on ComputeNode ${node} when that is off for good`
  )
}
