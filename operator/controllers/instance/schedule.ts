// SPDX-License-Identifier: Apache-2.0
import type { Instance, Port, ServerGroup } from '../../../lib/api/types.ts'
import { findCondition, setCondition } from '../../../lib/conditions.ts'
import { keyOfObject, keyOfRef } from '../../../lib/kube/object.ts'
import { saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { amountsOf, toPortAmounts } from '../../scheduler/nodes/amounts.ts'
import type { Choice } from '../../scheduler/decision.ts'
import { explainSuccess, type Explanation } from '../../scheduler/explanation.ts'
import type { Turn } from '../../scheduler/filters/filter.ts'
import type { GroupRequest, PlacementRequest } from '../../scheduler/filters/request.ts'
import { inGroup } from '../../scheduler/scheduler.ts'
import { placementsOf } from '../../placed/placement.ts'
import { nextEpoch } from '../../placed/next-epoch.ts'
import { releaseFrom } from '../../placed/release.ts'
import { portRelease } from './port-release.ts'
import { findPhysicalNetwork } from '../network/physical-network.ts'
import { listSubportsOn } from '../port/subport.ts'
import { toAddressList } from '../common/address-list.ts'
import { onCellsWished, recordNuma } from '../common/numa-topology.ts'
import { groupKeyOf } from '../common/server-group-key.ts'
import type { WaitsFor } from '../common/waiting-room.ts'
import { policyFor } from '../scheduler-profile/policy-for.ts'
import { mostOnNode } from '../server-group/kind.ts'
import { propertiesOf, requiresKvm, toMadeFrom } from '../common/machine-image.ts'
import { evacuableFromStart, whyNotPlacedAnew } from './evacuation.ts'
import { numaWishFor, toFlavorRequest, toStatusFlavor, type MachineSize } from './flavor.ts'
import { recordBandwidth, wantedBandwidth } from './bandwidth.ts'
import { recordPciDevices, wantedPciDevices } from './pci-devices.ts'
import type { Admitted } from './admitted.ts'
import type { InstanceDeps, InstanceRun } from './deps.ts'
import { hintsOf, type HintDeps } from './hints.ts'
import { recordInterfaces } from './interfaces.ts'
import { waitForQuota } from '../../quota/ask.ts'
import { askForSize } from './quota.ts'
import { dropResize } from './resize.ts'
import { dropStages, setStage } from './stages.ts'
import { waitForNode } from './status.ts'
import { findUnclearOwner } from './unclear-owner.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

/** After so long without a valid host, nodes that refused the machine are tried again. */
const EXCLUDED_FOR_MS = 30_000
const NONE: ReadonlySet<Turn> = new Set()

/** Steps 7 and 8 of the flow: chooses a node and claims its room in memory; both are saved before anything acts on them. */
export async function schedule(
  instance: Instance,
  admitted: Admitted,
  ports: readonly Port[],
  deps: InstanceDeps,
  run: InstanceRun,
): Promise<Outcome> {
  const status = (instance.status ??= {})
  // One owner (invariant 5): all former nodes must have released the machine before another one gets it.
  for (const placement of placementsOf(instance)) {
    const waiting = await releaseFrom({ ...placement, ...userDataToKeep(instance, admitted) }, deps)
    if (waiting) return waiting
    for (const port of ports) {
      const plugged = portRelease(port, instance, placement, deps)
      if (plugged) return plugged
    }
  }
  const lost = whyNotPlacedAnew(instance, deps)
  if (lost) {
    setStage(instance, 'Scheduled', lost, run.now)
    return lost
  }
  const unclear = findUnclearOwner(instance, ports, deps, run.now)
  if (unclear) {
    deps.waitingRoom.enter(run.key)
    setStage(instance, 'Scheduled', unclear, run.now)
    return unclear
  }
  const placed = place(instance, admitted, ports, deps, run.now)
  if (!placed.ok) {
    deps.waitingRoom.enter(run.key)
    setStage(instance, 'Scheduled', placed.outcome, run.now)
    return placed.outcome
  }
  const { choice, size } = placed
  status.scheduling = toStatus(choice.explanation)
  if (!choice.ok) {
    deps.waitingRoom.enter(run.key, waitsForPlace(instance, placed.turns))
    const none = waitFor(
      'NoValidHost',
      choice.why,
      (status.excludedNodes ?? []).length > 0 ? EXCLUDED_FOR_MS : undefined,
    )
    if (findCondition(status.conditions, 'Scheduled')?.reason !== 'NoValidHost')
      run.event({ type: 'Warning', reason: 'NoValidHost', action: 'Schedule', note: choice.why })
    setStage(instance, 'Scheduled', none, run.now)
    return none
  }
  deps.waitingRoom.leave(run.key)
  Object.assign(status, evacuableFromStart(instance, deps.writer()))
  status.node = choice.node
  status.epoch = nextEpoch({ kind: 'instance', uid: instance.metadata.uid, node: choice.node }, status.epoch, deps)
  status.flavor = toStatusFlavor(size)
  delete status.nextFlavor
  status.image = toMadeFrom(admitted.image, admitted.image.status.sha256)
  delete status.rootDisk
  delete status.rebuilds
  delete status.rescue
  recordBandwidth(instance, wantedBandwidth(ports, deps.caches))
  recordPciDevices(instance, wantedPciDevices(ports, deps.caches))
  recordNuma(instance, choice.numa)
  delete status.restarts
  recordInterfaces(instance, ports)
  recordAddresses(status, ports)
  status.state = 'BUILD'
  delete status.pendingReleases
  dropStages(instance, 'ImageCached')
  dropResize(instance)
  setStage(instance, 'Scheduled', true, run.now)
  sayWaiting(instance, choice.node, run.now)
  run.event({ type: 'Normal', reason: 'Scheduled', action: 'Schedule', note: explainSuccess(choice.explanation) })
  return saved
}

/** As the next run will say: a node that takes its time costs no second write. */
function sayWaiting({ metadata, status = {} }: Instance, node: string, now: Date): void {
  const { reason, message } = waitForNode(node)
  const update = { type: 'Reconciling', status: 'True', reason, message } as const
  status.conditions = setCondition(status.conditions, update, metadata.generation, now)
}

/** The machine starts anew wherever it is placed: with the size that it wishes for or, if that fits nowhere, with the one that it had. */
function place(instance: Instance, admitted: Admitted, ports: readonly Port[], deps: InstanceDeps, now: Date): Placed {
  const ignoreExclusions = isExclusionOver(instance, now)
  const attempt = (size: MachineSize): Placed => {
    const by = policyFor(size.extraSpecs, deps.caches)
    if (!by.ok) return by
    const request = toRequest(instance, { admitted, ports, size }, ignoreExclusions, deps)
    const choice = deps.scheduler.place(request, by.policy)
    return { ok: true, size, choice, turns: choice.ok ? NONE : choice.turns }
  }
  const { wish, isTooSmall } = admitted
  const refusal = wish?.ok === true ? askForSize(instance, wish, deps) : undefined
  if (isTooSmall && refusal) return { ok: false, outcome: waitForQuota(refusal) }
  const wished = wish?.ok === true && !refusal ? attempt(wish) : undefined
  if (wished && (isTooSmall || (wished.ok && wished.choice.ok))) return wished
  const had = attempt(admitted.now)
  // Either size may be the one that fits next.
  return had.ok && wished?.ok === true ? { ...had, turns: new Set([...had.turns, ...wished.turns]) } : had
}

function waitsForPlace({ spec, metadata }: Instance, turns: ReadonlySet<Turn>): WaitsFor {
  const { sameHost = [], differentHost = [] } = spec.schedulerHints ?? {}
  const { namespace } = metadata
  return {
    ...{ for: 'place', turns },
    ...inGroup(groupKeyOf({ spec, metadata })),
    named: [...sameHost, ...differentHost].map((name) => keyOfRef({ namespace, name })),
  }
}

/** Of what it names, that which decides where it may go. */
type Placeable = Pick<Admitted, 'image' | 'serverGroup'>

/** `turns`: by which it may find a place after it found none. */
type Placed =
  { ok: true; choice: Choice; size: MachineSize; turns: ReadonlySet<Turn> } | { ok: false; outcome: Outcome }

/** User data from a Secret: the Secret may be gone by the time the machine has its next place. */
function userDataToKeep({ spec }: Instance, { userDataBase64 }: Admitted): { userDataBase64?: string } {
  return spec.userDataSecretRef === undefined || userDataBase64 === undefined ? {} : { userDataBase64 }
}

/** What the scheduler is asked for. @param ignoreExclusions whether nodes that refused it are tried again */
export function toRequest(
  instance: Instance,
  { admitted, ports, size }: { admitted: Placeable; ports: readonly Port[]; size: MachineSize },
  ignoreExclusions: boolean,
  deps: HintDeps,
): PlacementRequest {
  const { excludedNodes = [], refusals = [] } = instance.status ?? {}
  const excluded = ignoreExclusions ? [] : excludedNodes
  const whyExcluded = (node: string) => {
    const said = refusals.find((one) => one.node === node)?.message
    return said === undefined ? 'refused it' : `refused it: ${said}`
  }
  const { caches } = deps
  const { availabilityZone } = instance.spec
  const hints = hintsOf(instance, deps)
  const numa = numaWishFor(size)
  return {
    uid: instance.metadata.uid,
    amounts: {
      ...amountsOf(size.size, onCellsWished(numa)),
      ...toPortAmounts(wantedBandwidth(ports, caches), wantedPciDevices(ports, caches)),
    },
    ...(availabilityZone === undefined ? {} : { availabilityZone }),
    ...(admitted.serverGroup ? { group: toGroupRequest(admitted.serverGroup) } : {}),
    excluded: new Map(excluded.map((node) => [node, whyExcluded(node)])),
    requireKvm: size.flavorRequiresKvm || requiresKvm(admitted.image),
    project: instance.metadata.namespace ?? '',
    flavor: toFlavorRequest(size),
    ...(hints ? { hints } : {}),
    ...(numa ? { numa } : {}),
    image: keyOfObject(admitted.image),
    imageUid: admitted.image.metadata.uid,
    imageProperties: propertiesOf(admitted.image, size.extraSpecs),
    needsVhostUser: ports.some((port) => port.spec.vnicType === 'vhostuser'),
    physicalNetworks: listPhysicalNetworks(ports, caches),
  }
}

function listPhysicalNetworks(ports: readonly Port[], caches: InstanceDeps['caches']): string[] {
  const subports = ports.flatMap(({ metadata }) => listSubportsOn(metadata.uid, caches))
  const networks = [...ports, ...subports].flatMap((port) => caches.networks.findByKey(networkKeyOf(port)) ?? [])
  return [...new Set(networks.flatMap((network) => findPhysicalNetwork(network, caches) ?? []))].sort()
}

function toGroupRequest(group: ServerGroup): GroupRequest {
  return { key: keyOfObject(group), policy: group.spec.policy, most: mostOnNode(group.spec) }
}

function isExclusionOver(instance: Instance, now: Date): boolean {
  const scheduled = findCondition(instance.status?.conditions, 'Scheduled')
  if (scheduled?.status !== 'False' || scheduled.reason !== 'NoValidHost') return false
  return now.getTime() - Date.parse(scheduled.lastTransitionTime) >= EXCLUDED_FOR_MS
}

/** In the form of `status.scheduling`. */
export function toStatus(explanation: Explanation): NonNullable<NonNullable<Instance['status']>['scheduling']> {
  const { node, score, total, evaluated, filters } = explanation
  return {
    ...(node === undefined ? {} : { node }),
    ...(score === undefined ? {} : { score }),
    total,
    evaluated,
    filters: filters.map(({ name, refused, example }) => ({ name, refused, ...(example === '' ? {} : { example }) })),
  }
}

/** What its status says of its Ports' addresses. */
export function recordAddresses(status: NonNullable<Instance['status']>, ports: readonly Port[]): void {
  status.addresses = addressesOf(ports)
  const addressList = toAddressList(status.addresses)
  if (addressList === undefined) delete status.addressList
  else status.addressList = addressList
}

export function addressesOf(ports: readonly Port[]): NonNullable<NonNullable<Instance['status']>['addresses']> {
  return ports.flatMap((port) => {
    const macAddress = port.status?.macAddress ?? port.spec.macAddress
    const base = {
      network: port.spec.networkRef.name,
      port: port.metadata.name,
      ...(macAddress === undefined ? {} : { macAddress }),
    }
    const known =
      port.status?.fixedIPs?.map((f) => f.ipAddress) ?? port.spec.fixedIPs?.flatMap((f) => f.ipAddress ?? []) ?? []
    return known.length === 0 ? [base] : known.map((ipAddress) => ({ ...base, ipAddress }))
  })
}
