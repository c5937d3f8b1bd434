// SPDX-License-Identifier: Apache-2.0
// Interfaces that nodes report for their machines, and what our own records say about them (docs/decisions/0028).
import type { ComputeNode, Port } from '../../../lib/api/types.ts'
import type { ObservedNic } from '../../../lib/contract/documents.ts'
import { DEFAULT_RATIOS } from '../../scheduler/nodes/node-facts.ts'
import type { Bus } from '../../bus/bus.ts'
import type { Caches } from '../../kind/row.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

export interface ClaimDeps {
  bus: Pick<Bus, 'desired' | 'observed'>
  caches: Pick<Caches, 'computeNodes' | 'instances' | 'networks' | 'ports'>
}

/** Upper bound of machines per node, however large the node claims to be. */
export const MOST_MACHINES = 512
/** MACs and addresses together, per machine: four interfaces with one of each. */
export const CLAIMS_PER_MACHINE = 8
/** Memory of the smallest machine in the contract. */
const SMALLEST_MIB = 64

/** A machine that a node reports, with those of its interfaces that are not in our records for that node. */
export interface UnrecordedMachine {
  uid: string
  /** `namespace/name` as the node reports it; not known for an orphan. */
  name?: string
  /** The machine has neither a resource nor a document for this node. */
  isUnknown: boolean
  nics: ObservedNic[]
}

/**
 * The interface as our own records have it: from the Port's document for that node, or from a Port that is plugged there. Undefined: as
 * far as we know, we did not put it there.
 */
export function findRecordedNic(
  { portUid }: ObservedNic,
  node: string,
  { bus, caches }: ClaimDeps,
): ObservedNic | undefined {
  if (portUid === undefined) return undefined
  const entry = bus.desired.find(node, 'port', portUid)
  if (entry?.nic) return entry.nic
  const port = caches.ports.findByUid(portUid)
  if (!port || (!entry && port.status?.node !== node)) return undefined
  const { mac, addresses } = identitiesOf(port)
  if (mac === undefined) return undefined
  const networkUid = port.status?.networkUID
  return {
    ...{ mac, portUid, addresses, network: networkKeyOf(port) },
    ...(networkUid === undefined ? {} : { networkUid }),
  }
}

export function identitiesOf({ spec, status }: Port): { mac: string | undefined; addresses: string[] } {
  const addresses =
    status?.fixedIPs?.map((fixed) => fixed.ipAddress) ?? spec.fixedIPs?.flatMap((fixed) => fixed.ipAddress ?? []) ?? []
  return { mac: status?.macAddress ?? spec.macAddress, addresses }
}

export function names({ mac, addresses = [] }: ObservedNic, value: string): boolean {
  return mac === value || addresses.includes(value)
}

/** Reads all reports of the node. */
export function listUnrecorded(node: string, deps: ClaimDeps): UnrecordedMachine[] {
  const { observed, desired } = deps.bus
  const found: UnrecordedMachine[] = []
  const add = (uid: string, nics: readonly ObservedNic[] = [], name?: string) => {
    const unrecorded = nics.filter((nic) => !isRecorded(nic, node, deps))
    if (unrecorded.length === 0) return
    const isUnknown = !deps.caches.instances.findByUid(uid) && !desired.find(node, 'instance', uid)
    found.push({ uid, ...(name === undefined ? {} : { name }), isUnknown, nics: unrecorded })
  }
  for (const { kind, uid, state, facts, namespace = '', name } of observed.listNode(node)) {
    if (state === 'gone') continue
    if (kind === 'instance') add(uid, facts.nics, `${namespace}/${name}`)
    // A report on the machine itself is newer than the node's list of orphans.
    for (const orphan of kind === 'node' ? (facts.orphans ?? []) : [])
      if (orphan.kind === 'instance' && !observed.find('instance', orphan.uid, node)) add(orphan.uid, orphan.nics)
  }
  return found
}

/** Whether our record has the MAC and all addresses, not only some. */
function isRecorded(nic: ObservedNic, node: string, deps: ClaimDeps): boolean {
  const recorded = findRecordedNic(nic, node, deps)
  return recorded !== undefined && [nic.mac, ...(nic.addresses ?? [])].every((value) => names(recorded, value))
}

/** Could a node of this size have all these machines? If not, none of them is believed. */
export function isWithinMeans(machines: readonly UnrecordedMachine[], computeNode: ComputeNode | undefined): boolean {
  const most = mostMachines(computeNode)
  const claims = machines.flatMap(({ nics }) => nics).reduce((sum, { addresses = [] }) => sum + 1 + addresses.length, 0)
  return machines.length <= most && claims <= most * CLAIMS_PER_MACHINE
}

/** A node's reported size is believed up to a bound. */
export function mostMachines(computeNode: ComputeNode | undefined): number {
  const { cpus, memoryMiB } = computeNode?.status?.inventory ?? {}
  if (cpus === undefined || memoryMiB === undefined) return MOST_MACHINES
  return Math.min(MOST_MACHINES, cpus * DEFAULT_RATIOS.vcpus, Math.floor(memoryMiB / SMALLEST_MIB))
}
