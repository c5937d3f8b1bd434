// SPDX-License-Identifier: Apache-2.0
import type { Network, ProviderNetwork } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { keyOfObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { listHolders } from '../../kind/holders.ts'
import { isOlder } from '../../kind/is-older.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import type { LogicalNetwork } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { physicalNetworkOf } from '../provider-network/kind.ts'
import { hasSegment, provider, segmentKey } from './kind.ts'

export type SegmentDeps = Pick<OperatorDeps, 'caches' | 'segmentPromises'>

export interface Segment {
  /** How the backend joins it to the physical network; absent: not at all. */
  provider?: LogicalNetwork['provider']
  /** The SDN controller that joins it. */
  controller?: string
  /** Why it has no segment that it may use, or what else it lacks. */
  lack?: Outcome
}

/**
 * The segment of a Network with spec.provider; it keeps the first that it gets. A choice is set in its status, to be written before any row
 * is made.
 * @throws TerminalError for one that asks for what its ProviderNetwork can never have
 */
export function settleSegment(network: Network, deps: SegmentDeps): Segment {
  const { caches, segmentPromises } = deps
  const { uid } = network.metadata
  const found = resolveOnly(provider, network, caches)
  if (!hasSegment(network)) return { lack: found.ok ? chooseSegment(network, found.object, deps) : found.outcome }
  const rival = findRival(network, caches)
  if (!rival) {
    segmentPromises.withdraw(uid)
    return { ...segmentOf(network), ...(found.ok ? {} : { lack: found.outcome }) }
  }
  // Nothing uses it: what it asked for, or any other segment, is as good for it later as now.
  if (found.ok && listHolders('networks', network, caches).length === 0) {
    delete network.status?.physicalNetwork
    delete network.status?.segmentationID
    return { lack: chooseSegment(network, found.object, deps) }
  }
  const { physicalNetwork = '', segmentationID } = network.status ?? {}
  return { lack: inUse(physicalNetwork, segmentationID, rival) }
}

/** By its status: also while its ProviderNetwork cannot be found. A Network whose segment is an older one's is joined to nothing. */
export function keptSegment(network: Network, caches: SegmentDeps['caches']): Segment {
  return findRival(network, caches) ? {} : segmentOf(network)
}

function segmentOf({ status }: Network): Segment {
  if (status?.controller !== undefined) return { controller: status.controller }
  if (status?.physicalNetwork === undefined) return {}
  const { physicalNetwork, segmentationID: vlan } = status
  return { provider: { physicalNetwork, ...(vlan === undefined ? {} : { vlan }) } }
}

/** An older Network that has the same segment, as after a restore. */
function findRival(network: Network, { networks }: SegmentDeps['caches']): Network | undefined {
  const { physicalNetwork, segmentationID } = network.status ?? {}
  if (physicalNetwork === undefined || network.status?.controller !== undefined) return undefined
  const there = networks.listBy('segment', segmentKey(physicalNetwork, segmentationID))
  return there.find((other) => isOlder(other, network))
}

function chooseSegment(network: Network, providerNetwork: ProviderNetwork, deps: SegmentDeps): Outcome {
  const { uid } = network.metadata
  const { segmentationID: asked } = network.spec.provider ?? {}
  const { name } = providerNetwork.metadata
  const { type, controller } = providerNetwork.spec
  const isFlat = type !== 'vlan'
  if (isFlat && asked !== undefined) {
    const message = `spec.provider.segmentationID ${asked}: ProviderNetwork ${name} is ${type}, without VLANs; make a Network without segmentationID`
    throw new TerminalError('NoVLANs', message)
  }
  const physicalNetwork = physicalNetworkOf(providerNetwork)
  if (controller) {
    // It tells its Networks apart by what it wants, and has as many as it wants.
    Object.assign((network.status ??= {}), { physicalNetwork, driver: 'external', controller: controller.name })
    return saved
  }
  const holderOf = (vlan: number | undefined) => findHolder(segmentKey(physicalNetwork, vlan), uid, deps)
  const vlan = isFlat ? undefined : (asked ?? vlansOf(providerNetwork).find((one) => !holderOf(one)))
  if (!isFlat && vlan === undefined) return noneFree(providerNetwork)
  const holder = holderOf(vlan)
  if (holder) return inUse(physicalNetwork, vlan, holder)
  deps.segmentPromises.make(uid, segmentKey(physicalNetwork, vlan))
  Object.assign((network.status ??= {}), { physicalNetwork, ...(vlan === undefined ? {} : { segmentationID: vlan }) })
  return saved
}

/** Another Network that has the segment, or is about to. */
function findHolder(segment: string, uid: string, { caches, segmentPromises }: SegmentDeps): Network | undefined {
  const all = [...caches.networks.listBy('segment', segment), segmentPromises.find(segment, caches)]
  return all.find((other) => other !== undefined && other.metadata.uid !== uid)
}

/** Lowest first. */
function vlansOf({ spec }: ProviderNetwork): number[] {
  const ranges = (spec.vlanRanges ?? []).map(({ minimum, maximum }) =>
    Array.from({ length: maximum - minimum + 1 }, (_, i) => minimum + i),
  )
  return [...new Set(ranges.flat())].sort((a, b) => a - b)
}

function noneFree({ metadata: { name }, spec: { vlanRanges = [] } }: ProviderNetwork): Outcome {
  const ranges = vlanRanges.map(({ minimum, maximum }) =>
    minimum === maximum ? `${minimum}` : `${minimum}-${maximum}`,
  )
  const what =
    ranges.length === 0
      ? `ProviderNetwork ${name} has no vlanRanges: give it some, or make a Network with spec.provider.segmentationID`
      : `all VLANs of ProviderNetwork ${name} (vlanRanges ${ranges.join(', ')}) are in use: delete a Network on it, or give it more`
  return waitFor('NoFreeSegment', what)
}

function inUse(physicalNetwork: string, vlan: number | undefined, holder: Network): Outcome {
  const [what, other] =
    vlan !== undefined
      ? [`VLAN ${vlan} of physical network ${physicalNetwork}`, 'segmentationID']
      : [`physical network ${physicalNetwork} without VLANs`, 'ProviderNetwork']
  const message = `${what} is Network ${keyOfObject(holder)}: delete that one, or make a Network with another ${other}`
  return waitFor('SegmentInUse', message)
}

/** Networks that may go on, or have to give way, when this one gets or loses a segment, or goes. */
export function wokenBySegment(network: Network, { networks, providerNetworks }: SegmentDeps['caches']): ObjectKey[] {
  const name = network.spec.provider?.providerNetworkRef.name
  if (name === undefined) return []
  const { physicalNetwork, segmentationID } = network.status ?? {}
  const object = providerNetworks.find(undefined, name)
  const of = physicalNetwork ?? (object && physicalNetworkOf(object))
  const siblings = of === undefined ? [] : providerNetworks.listBy('physicalNetwork', of)
  const names = new Set([name, ...siblings.map(({ metadata }) => metadata.name)])
  const waiting = [...names].flatMap((one) => networks.listBy('segmentWanted', one))
  const same = of === undefined ? [] : networks.listBy('segment', segmentKey(of, segmentationID))
  const own = keyOfObject(network)
  return [...same, ...waiting].map(keyOfObject).filter((key) => key !== own)
}
