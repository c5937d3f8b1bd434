// SPDX-License-Identifier: Apache-2.0
import type { Instance, InstanceNetwork, Port } from '../../../lib/api/types.ts'
import { matchInterfaces, type InterfaceRecord } from '../../../lib/api/match-interfaces.ts'
import type { Cache } from '../../../lib/informer/cache.ts'
import { keyOfRef, type ObjectKey } from '../../../lib/kube/object.ts'
import { automaticPortName, automaticPortNames } from '../../placed/automatic-port-name.ts'
import { wasPlaced } from '../../placed/placement.ts'

/** As many as `spec.networks` may have. */
export const MAX_NICS = 16

/** One interface of the machine. */
export interface Nic {
  index: number
  want: InstanceNetwork
  /** Its place in the machine: it stays there, whatever becomes of the others. From MAX_NICS on there is none. */
  slot: number
  /** Name of its Port, which is always in the Instance's namespace. */
  portName: string
  /** We make the Port, and delete it with the machine. */
  isAutomatic: boolean
  /** Of the Port that it was given, once that is on record. */
  portUid?: string
}

/**
 * The interfaces that the spec asks for, in its order. An entry is the one on record that asked for the same, the first such; a new one gets
 * the first place that nobody has. Before anything is on record, that is its index. Pure.
 */
export function listNics(instance: Instance): Nic[] {
  return matchNics(instance).nics
}

/** Those on record that the spec asks for no more: the machine may still have them. Pure. */
export function listLeaving(instance: Instance): InterfaceRecord[] {
  return matchNics(instance).leaving
}

export function matchNics(instance: Instance): { nics: Nic[]; leaving: InterfaceRecord[] } {
  const { had, leaving } = matchInterfaces(instance)
  const taken = new Set((instance.status?.interfaces ?? []).map(({ slot }) => slot))
  const nics = (instance.spec.networks ?? []).map((want, index): Nic => {
    const record = had[index]
    const slot = record?.slot ?? firstFree(taken)
    taken.add(slot)
    return {
      index,
      want,
      slot,
      portName: want.portRef?.name ?? record?.port ?? automaticPortName(instance, slot),
      isAutomatic: want.portRef === undefined,
      ...(record?.portUID === undefined ? {} : { portUid: record.portUID }),
    }
  })
  return { nics, leaving }
}

function firstFree(taken: ReadonlySet<number>): number {
  let slot = 0
  while (taken.has(slot)) slot++
  return slot
}

/** It was placed by a version that kept no record of its interfaces: what it has is what it may have. */
export function isBeforeRecords(instance: Instance): boolean {
  return wasPlaced(instance) && instance.status?.interfaces === undefined
}

/** The seed for the MAC of the interface's automatic Port. */
export function macSeedOf({ metadata }: Instance, { slot }: Pick<Nic, 'slot'>): string {
  return `${metadata.uid}/${slot}`
}

/** The Ports of its interfaces that there are, in its order: whether they are its, or another's that it names. */
export function listPorts(instance: Instance, ports: Cache<Port>): Port[] {
  return listNics(instance).flatMap((nic) => ports.findByKey(portKeyOf(instance, nic)) ?? [])
}

/** Of all Ports that the machine may have, or that may have been made for it. */
export function portNamesOf(instance: Instance): Set<string> {
  const { nics, leaving } = matchNics(instance)
  const made = automaticPortNames(instance, MAX_NICS)
  return new Set([...nics.map(({ portName }) => portName), ...leaving.map(({ port }) => port), ...made])
}

export function portKeyOf(instance: Instance, { portName }: Pick<Nic, 'portName'>): ObjectKey {
  return keyOfRef({ namespace: instance.metadata.namespace, name: portName })
}
