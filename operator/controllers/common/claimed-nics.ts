// SPDX-License-Identifier: Apache-2.0
// Interfaces that nodes say their machines have, and what our own record says of them (docs/decisions/0028).
import type { ComputeNode, Port } from '../../../lib/api/types.ts'
import type { ObservedNic } from '../../../lib/contract/documents.ts'
import { DEFAULT_RATIOS } from '../../scheduler/node-table.ts'
import type { Bus } from '../../bus/bus.ts'
import type { Caches } from '../../kind/row.ts'
import { keyOf } from '../../kind/references.ts'

export interface ClaimDeps {
  bus: Pick<Bus, 'desired' | 'observed'>
  caches: Pick<Caches, 'computeNodes' | 'instances' | 'networks' | 'ports'>
}

/** The upper bound, however large a node claims to be. */
export const MOST_MACHINES = 512
/** MACs and addresses together: four interfaces with one each, a machine. */
export const CLAIMS_PER_MACHINE = 8
/** As the contract has it. */
const SMALLEST_MIB = 64

/** A machine that a node says it has, with the interfaces that no record of ours puts there. */
export interface UnrecordedMachine {
  uid: string
  /** `namespace/name` as the node says; unknown of an orphan. */
  name?: string
  /** Neither a resource nor a document of ours is about it. */
  isUnknown: boolean
  nics: ObservedNic[]
}

/**
 * The interface as our own record has it: the Port's document on that node, or the Port that stands there. Undefined: nothing of ours
 * put it there, as far as anything of ours remembers.
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
    ...{ mac, portUid, addresses, network: keyOf(port.spec.networkRef, port.metadata.namespace) },
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
    // What it says of the machine itself is newer than its list of orphans.
    for (const orphan of kind === 'node' ? (facts.orphans ?? []) : [])
      if (orphan.kind === 'instance' && !observed.find('instance', orphan.uid, node)) add(orphan.uid, orphan.nics)
  }
  return found
}

/** All that it claims, not only a part of it. */
function isRecorded(nic: ObservedNic, node: string, deps: ClaimDeps): boolean {
  const recorded = findRecordedNic(nic, node, deps)
  return recorded !== undefined && [nic.mac, ...(nic.addresses ?? [])].every((value) => names(recorded, value))
}

/** Is it no more than a node of its size can have? If it is more, none of it is believed. */
export function isWithinMeans(machines: readonly UnrecordedMachine[], computeNode: ComputeNode | undefined): boolean {
  const most = mostMachines(computeNode)
  const claims = machines.flatMap(({ nics }) => nics).reduce((sum, { addresses = [] }) => sum + 1 + addresses.length, 0)
  return machines.length <= most && claims <= most * CLAIMS_PER_MACHINE
}

/** What a node says of its size is believed up to a bound. */
export function mostMachines(computeNode: ComputeNode | undefined): number {
  const { cpus, memoryMiB } = computeNode?.status?.inventory ?? {}
  if (cpus === undefined || memoryMiB === undefined) return MOST_MACHINES
  return Math.min(MOST_MACHINES, cpus * DEFAULT_RATIOS.vcpus, Math.floor(memoryMiB / SMALLEST_MIB))
}
