// SPDX-License-Identifier: Apache-2.0
// The record of a machine's interfaces: which Port has which place. A Port that the spec asks for no more stays on it, and so the machine's,
// until its node has said that the machine let go of it; only then is it given back (invariant 5).
import { sameJson } from '../../../lib/loop/same-json.ts'
import { PORT } from '../../../lib/api/kinds.ts'
import type { Instance, Port } from '../../../lib/api/types.ts'
import { setCondition } from '../../../lib/conditions.ts'
import { keyOfRef } from '../../../lib/kube/object.ts'
import { automaticPortNames } from '../../placed/automatic-port-name.ts'
import { answerOf, askedOf, portPresence } from '../../placed/observed-facts.ts'
import { ownerUidOf } from '../../placed/port-owner.ts'
import type { InstanceDeps, InstanceRun } from './deps.ts'
import { requestOf, type InterfaceRecord } from '../../../lib/api/match-interfaces.ts'
import { listLeaving, listNics, MAX_NICS } from './nics.ts'

export const DETACH_PENDING = 'DetachPending'

type InterfaceDeps = Pick<InstanceDeps, 'bus' | 'writer'>

/**
 * Forgets the interfaces that the machine has let go of. @returns whether that must be saved before anything acts on it
 */
export function dropLeft(instance: Instance, deps: InterfaceDeps): boolean {
  const { status } = instance
  const gone = new Set(listLeaving(instance).filter((one) => hasLeft(instance, one, deps)))
  if (!status?.interfaces || gone.size === 0) return false
  status.interfaces = status.interfaces.filter((one) => !gone.has(one))
  return true
}

function hasLeft(instance: Instance, { portUID }: InterfaceRecord, deps: InterfaceDeps): boolean {
  const { node, epoch } = instance.status ?? {}
  // Where it has no place there is nothing to unplug it from; its Port waits for the nodes that had it.
  if (node === undefined || portUID === undefined) return true
  const report = deps.bus.observed.find('instance', instance.metadata.uid, node)
  return portPresence(report, portUID, askedOf(instance, epoch, deps.writer())) === 'absent'
}

/**
 * Records which Ports the machine has, in their places. @param ports in the order of the spec
 * @returns whether that must be saved before anything acts on it
 */
export function recordInterfaces(instance: Instance, ports: readonly Port[]): boolean {
  const status = (instance.status ??= {})
  const given = listNics(instance).map(({ slot, portName, want, index }): InterfaceRecord => {
    const request = requestOf(want)
    const uid = ports[index]?.metadata.uid
    return {
      slot,
      port: portName,
      ...(uid === undefined ? {} : { portUID: uid }),
      ...(request === undefined ? {} : { request }),
    }
  })
  const next = [...given, ...listLeaving(instance)].sort((a, b) => a.slot - b.slot)
  if (sameJson(next, status.interfaces)) return false
  status.interfaces = next
  return true
}

/** Deletes Ports that were made for interfaces that are neither asked for nor on record. */
export async function removeLeftPorts(instance: Instance, deps: InstanceDeps, run: InstanceRun): Promise<void> {
  const named = new Set([
    ...listNics(instance).map(({ portName }) => portName),
    ...listLeaving(instance).map(({ port }) => port),
  ])
  for (const name of automaticPortNames(instance, MAX_NICS)) {
    if (named.has(name)) continue
    const port = deps.caches.ports.findByKey(keyOfRef({ namespace: instance.metadata.namespace, name }))
    if (port && ownerUidOf(port) === instance.metadata.uid) await deletePort(port, deps, run)
  }
}

/** Once: its own controller does the rest. */
export async function deletePort(
  { metadata }: Port,
  deps: Pick<InstanceDeps, 'deletions'>,
  run: InstanceRun,
): Promise<void> {
  const { namespace, name, uid, deletionTimestamp } = metadata
  if (deletionTimestamp !== undefined || deps.deletions.has(uid)) return
  await run.client.remove(PORT, { namespace, name }, { preconditions: { uid }, signal: run.signal })
  deps.deletions.add(uid)
}

/** Says that the guest holds an interface that was taken out. */
export function sayDetaching(instance: Instance, deps: InterfaceDeps, run: Pick<InstanceRun, 'now' | 'event'>): void {
  const { status, metadata } = instance
  if (!status) return
  const report = deps.bus.observed.find('instance', metadata.uid, status.node)
  const answer = answerOf(report, askedOf(instance, status.epoch, deps.writer()))
  const holds = answer?.error?.reason === 'InterfaceDetaching' ? listLeaving(instance) : []
  const had = status.conditions?.some(({ type }) => type === DETACH_PENDING) === true
  if (holds.length === 0) {
    if (had) status.conditions = status.conditions?.filter(({ type }) => type !== DETACH_PENDING)
    return
  }
  const message = `the guest has not let go of the interface of Port ${holds.map(({ port }) => port).join(', ')}: it is asked again and again, and the interface is gone at the next start: set spec.runState to Stopped, then to Running`
  const update = { type: DETACH_PENDING, status: 'True', reason: 'GuestHoldsInterface', message } as const
  status.conditions = setCondition(status.conditions, update, metadata.generation, run.now)
  if (!had) run.event({ type: 'Warning', reason: 'GuestHoldsInterface', action: 'Detach', note: message })
}
