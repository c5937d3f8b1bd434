// SPDX-License-Identifier: Apache-2.0
import type { Network } from '../../../lib/api/types.ts'
import { CLOUD_NAME } from '../../../lib/api/kinds.ts'
import { TerminalError } from '../../../lib/errors.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { guestMtu } from '../../network/guest-mtu.ts'
import type { LogicalNetwork } from '../../network/logical-kinds.ts'
import { wasRealised } from '../common/realised-network.ts'
import { dnsDomainOf } from '../common/dns-domain.ts'
import { ownerOf } from '../common/logical-owner.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { namesOfUsers, waitForHolders } from '../../kind/holders.ts'
import { listForeignPorts } from '../port/security.ts'
import { recordPolicy, resolvePolicy } from '../qos-policy/users.ts'
import { qosPolicy } from './kind.ts'
import { takeDuties } from './duties.ts'
import { keptSegment, settleSegment, type Segment } from './segment.ts'

const DEFAULT_UNDERLAY_MTU = 1500

export type NetworkDeps = Pick<OperatorDeps, 'caches' | 'network' | 'segmentPromises'>

export async function reconcileNetwork(
  network: Network,
  deps: NetworkDeps,
  run: Pick<Run, 'signal'>,
): Promise<Outcome> {
  const status = (network.status ??= {})
  if (network.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    const users = waitForHolders('networks', network, deps.caches)
    if (users) {
      // While in use it is kept in the backend too, whose database may have been lost meanwhile.
      if (wasRealised(network)) status.mtu = await ensure(network, keptSegment(network, deps.caches), deps, run)
      return users
    }
    await deps.network.remove('Network', network.metadata.uid, run.signal)
    return released
  }
  const segment = network.spec.provider ? settleSegment(network, deps) : {}
  const { lack } = segment
  if (lack) status.state ??= 'BUILD'
  if (lack && (lack.kind === 'saved' || !wasRealised(network))) return lack
  takeDuties(network, deps.caches)
  status.mtu = await ensure(network, segment, deps, run)
  status.dnsDomain = dnsDomainOf(network, deps.caches.clouds)
  if (lack) return lack
  if (segment.controller === undefined) {
    status.driver = 'ovn'
    status.logicalSwitch = network.metadata.uid
  }
  status.state = 'ACTIVE'
  // Its Ports realise it. One that cannot be had leaves it what it has.
  const policy = resolvePolicy(qosPolicy, network, deps.caches)
  if (policy.ok) recordPolicy(network, policy.object)
  followSecurity(network, deps)
  return policy.ok ? done : policy.outcome
}

/** @returns the MTU in effect */
async function ensure(
  network: Network,
  { provider, controller }: Segment,
  deps: NetworkDeps,
  run: Pick<Run, 'signal'>,
): Promise<number> {
  const mtu = decideMtu(network, deps)
  const by = controller === undefined ? {} : { controller }
  const want: LogicalNetwork = { kind: 'Network', ...ownerOf(network), mtu, ...by, ...(provider ? { provider } : {}) }
  await deps.network.ensure(want, run.signal)
  return mtu
}

/** Port security stays on while other namespaces have Ports here, as it protects their addresses. @throws TerminalError `NotPermitted` */
function followSecurity(network: Network, deps: NetworkDeps): void {
  const status = (network.status ??= {})
  const wanted = network.spec.portSecurityEnabled ?? true
  const others = wanted || status.portSecurityEnabled !== true ? [] : listForeignPorts(network, deps)
  if (others.length === 0) {
    status.portSecurityEnabled = wanted
    return
  }
  throw new TerminalError(
    'NotPermitted',
    `spec.portSecurityEnabled cannot become false while other namespaces have Ports on it (${namesOfUsers('Port', others)}): ` +
      'write true, or make another Network',
  )
}

/** What guests of the network may use; Subnets and Ports read it from its status. */
function decideMtu({ spec, status }: Network, { caches }: NetworkDeps): number {
  if (spec.provider) {
    const { mtu } = caches.providerNetworks.find(undefined, spec.provider.providerNetworkRef.name)?.spec ?? status ?? {}
    return Math.min(spec.mtu ?? Infinity, mtu ?? DEFAULT_UNDERLAY_MTU)
  }
  const underlay = caches.clouds.find(undefined, CLOUD_NAME)?.spec.underlayMTU ?? DEFAULT_UNDERLAY_MTU
  return guestMtu(underlay, spec.mtu)
}
