// SPDX-License-Identifier: Apache-2.0
import type { Instance, Port } from '../../../lib/api/types.ts'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'
import type { RunEvent } from '../../../lib/loop/controller.ts'
import { saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { clip } from '../../scheduler/explanation.ts'
import { tellBuild } from '../common/machine-claims.ts'
import { ownerUidOf } from '../../placed/port-owner.ts'
import type { Admitted } from './admitted.ts'
import type { InstanceDeps, InstanceRun } from './deps.ts'
import { answerOf, askedOf, plugPresence, type Presence } from '../../placed/observed-facts.ts'
import { publishImage } from '../image/publish.ts'
import { instanceDocument, keptDocument, type PlacedNode } from './document.ts'
import { dropEvacuable, recordEvacuable, whyNotEvacuated } from './evacuation.ts'
import { findGiven } from './given.ts'
import { listGivenConsoles } from '../console-access/given.ts'
import { findGivenAction, recallGiven } from '../instance-action/given.ts'
import { whyUnconnected } from '../port/unconnected.ts'
import { findRescue } from './rescue.ts'
import { recordAddresses } from './schedule.ts'
import { dropStages, setStage } from './stages.ts'
import { observeInstance } from './status.ts'
import { resolveVolumes, type ResolvedVolumes } from './volumes.ts'
import { whyKeptOut } from './kept-out.ts'
import { whyWithdrawn } from './withdraw.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

const MAX_EXCLUDED = 16
/** Bounds of the schema: explanations show one. */
const [MAX_REFUSALS, MOST_CHARACTERS] = [4, 256]

/** What a placed machine needs, resolved; or why it does not resolve. */
export type BootParts = { admitted: Admitted; ports: readonly Port[] } | { unresolved: Outcome }

/** Steps 9 to 16 of the flow: publishes the documents for the node and turns its report into status. */
export async function boot(
  instance: Instance,
  parts: BootParts,
  deps: InstanceDeps,
  run: InstanceRun,
): Promise<Outcome> {
  const status = (instance.status ??= {})
  const { node = '' } = status
  const computeNode = deps.caches.computeNodes.find(undefined, node)
  recordEvacuable(instance, deps.bus.observed.find('instance', instance.metadata.uid, node), deps.writer())
  if (computeNode?.spec.lost !== undefined) {
    return (
      whyNotEvacuated(instance, computeNode, deps.writer()) ??
      leaveNode(instance, 'Evacuated', `node ${node} is confirmed lost`, run)
    )
  }
  if (dropEvacuable(instance)) return saved
  const withdrawn =
    whyWithdrawn(instance, deps) ?? ('admitted' in parts ? whyKeptOut(instance, parts, deps) : undefined)
  if (withdrawn !== undefined) return leaveNode(instance, 'Rescheduled', withdrawn, run)
  const published = await publish(instance, parts, deps)
  if (published.volumes.unresolved) setStage(instance, 'VolumesAttached', published.volumes.unresolved, run.now)
  if (!published.isWhole) return published.unresolved

  if ('ports' in parts) recordAddresses(status, parts.ports)
  const observed = deps.bus.observed.find('instance', instance.metadata.uid, node)
  if (isRefusedForRoom(instance, observed, deps)) {
    tellBuild(node, { failed: true }, deps)
    return leaveNode(instance, 'Rescheduled', observed?.error?.message ?? `node ${node} has no room`, run)
  }
  if (deps.bus.heartbeats.pulse(node) === 'silent') {
    return waitFor('NodeSilent', `node ${node} has not been heard; what it last said may no longer be true`)
  }
  const wasUp = isUp(status.state)
  const restartsBefore = status.restarts
  const report = {
    observed,
    asked: askedOf(instance, status.epoch, deps.writer()),
    volumes: published.volumes.volumes.map(({ uid }) => uid),
    plugged: 'ports' in parts ? arePlugged(parts.ports, instance, deps) : 'unknown',
    unresolved: published.volumes.unresolved,
    unconnected: 'ports' in parts ? findUnconnected(parts.ports, node, deps) : undefined,
  } as const
  const outcome = observeInstance(instance, report, run.now)
  const restarted = restartOf(observed, { before: restartsBefore, now: status.restarts, node })
  if (restarted) run.event(restarted)
  else if (!wasUp && isUp(status.state) && outcome.kind === 'done') {
    tellBuild(node, { failed: false }, deps)
    run.event({ type: 'Normal', reason: 'Started', action: 'Start', note: `runs on node ${node}` })
  }
  return published.unresolved ?? outcome
}

function isUp(state: string | undefined): boolean {
  return state === 'ACTIVE' || state === 'RESCUE'
}

/** One Event when the restart count has gone up, however many restarts that covers. */
function restartOf(
  observed: ObservedDocument | undefined,
  { before = 0, now = 0, node }: { before: number | undefined; now: number | undefined; node: string },
): RunEvent | undefined {
  if (now <= before) return undefined
  const after = observed?.facts.restartedAfter ?? 'an end of its own'
  return {
    type: after === 'Crashed' ? 'Warning' : 'Normal',
    reason: 'Restarted',
    action: 'Start',
    note: `was started again on node ${node} after ${after}: restart ${now}`,
  }
}

type Published =
  | { isWhole: true; volumes: ResolvedVolumes; unresolved?: Outcome }
  | { isWhole: false; volumes: ResolvedVolumes; unresolved: Outcome }

/** Publishes what resolves and keeps the rest as it was: one dangling reference must not stop a machine from being stopped. */
async function publish(instance: Instance, parts: BootParts, deps: InstanceDeps): Promise<Published> {
  const { node = '' } = instance.status ?? {}
  const writer = deps.writer()
  await recallGiven(instance, deps)
  if ('admitted' in parts) await publishImage(parts.admitted.image, node, deps)
  const { rebuilds = [], rescue } = instance.status ?? {}
  for (const image of [...rebuilds.map((given) => given.image), ...(rescue?.image ? [rescue.image] : [])]) {
    const next = deps.caches.images.find(image.namespace, image.name)
    if (next?.metadata.uid === image.uid) await publishImage(next, node, deps)
  }
  const isPlain = 'admitted' in parts && resolveVolumes(instance, undefined, deps).unresolved === undefined
  const given = isPlain ? undefined : await findGiven(instance, deps)
  // No await between here and building the document: who has a volume may change on any turn of the event loop.
  const volumes = resolveVolumes(instance, given?.spec.volumes, deps)
  const unresolved = 'unresolved' in parts ? parts.unresolved : volumes.unresolved
  if (volumes.mustWait && unresolved) return { isWhole: false, volumes, unresolved }
  if ('unresolved' in parts && !given) return { isWhole: false, volumes, unresolved: parts.unresolved }
  const facts = {
    ...factsOf(node, deps),
    action: findGivenAction(instance, deps),
    rescue: findRescue(instance, deps.caches),
    consoles: listGivenConsoles(instance, deps.caches),
  }
  const document =
    'admitted' in parts
      ? instanceDocument(instance, { ...parts, volumes: volumes.volumes }, facts, writer)
      : given && keptDocument(instance, given, volumes.volumes, facts, writer)
  if (document) await deps.bus.desired.publish(document)
  return { isWhole: true, volumes, ...(unresolved ? { unresolved } : {}) }
}

function factsOf(node: string, { bus, caches }: InstanceDeps): Omit<PlacedNode, 'action' | 'rescue' | 'consoles'> {
  const { status } = caches.computeNodes.find(undefined, node) ?? {}
  return {
    // The newest one known: after a reboot, the first beat arrives before the inventory.
    bootId: bus.heartbeats.bootId(node) ?? bus.inventory.find(node)?.bootId ?? status?.inventory?.bootID,
    zone: status?.zone,
  }
}

/** Any generation counts, as long as it is this placement: a machine that was refused was never made. */
function isRefusedForRoom(instance: Instance, observed: ObservedDocument | undefined, deps: InstanceDeps): boolean {
  const asked = { ...askedOf(instance, instance.status?.epoch, deps.writer()), generation: 0 }
  const answer = answerOf(observed, asked)
  return answer?.state === 'refused' && answer.error?.reason === 'InsufficientResources'
}

/** Present when the node reports all ports as plugged, absent when it reports one as unplugged, else unknown. */
function arePlugged(ports: readonly Port[], instance: Instance, deps: InstanceDeps): Presence {
  const { node = '', epoch } = instance.status ?? {}
  const said = ports.map((port): Presence => {
    const of = ownerUidOf(port) === instance.metadata.uid ? epoch : port.status?.epoch
    // The port has no place yet.
    if (of === undefined) return 'unknown'
    const asked = { ...askedOf(port, of, deps.writer()), generation: 0 }
    return plugPresence(deps.bus.observed.find('port', port.metadata.uid, node), asked)
  })
  if (said.includes('absent')) return 'absent'
  return said.includes('unknown') ? 'unknown' : 'present'
}

/** Why no packet passes at the first of its ports where none does. */
function findUnconnected(ports: readonly Port[], node: string, { caches }: InstanceDeps): Outcome | undefined {
  for (const port of ports) {
    const network = caches.networks.findByKey(networkKeyOf(port))
    const why = network && whyUnconnected(network, node, caches)
    if (why) return why
  }
  return undefined
}

/** Gives up the place. This is saved first; later runs make the node release the machine, and only then choose another node. */
function leaveNode(instance: Instance, reason: 'Evacuated' | 'Rescheduled', why: string, run: InstanceRun): Outcome {
  const status = (instance.status ??= {})
  const { node, epoch = 0, evacuable } = status
  if (node === undefined) return saved
  if (reason === 'Rescheduled') {
    const isNewSpec = status.observedGeneration !== instance.metadata.generation
    const before = isNewSpec ? [] : (status.excludedNodes ?? []).filter((n) => n !== node)
    status.excludedNodes = [...before, node].slice(-MAX_EXCLUDED)
    const said = (isNewSpec ? [] : (status.refusals ?? [])).filter((one) => one.node !== node)
    status.refusals = [...said, { node, message: clip(why, MOST_CHARACTERS) }].slice(-MAX_REFUSALS)
  }
  status.pendingReleases = [...(status.pendingReleases ?? []), { node, epoch, ...(evacuable ? { evacuable } : {}) }]
  status.state = 'BUILD'
  delete status.node
  delete status.evacuable
  dropStages(instance, 'Scheduled')
  run.event({ type: 'Warning', reason, action: 'Schedule', note: `leaves node ${node}: ${why}` })
  return saved
}
