// SPDX-License-Identifier: Apache-2.0
import type { FloatingIP, Network, Router } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { LogicalPortForwarding } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { resolveTarget, type Target } from './target.ts'
import { describeForwarding, type Forwarding, type Way } from './ways.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

type ForwardingDeps = Pick<OperatorDeps, 'caches'>

export interface Forwardings {
  /** Whose gateway forwards; undefined: none of them leads anywhere. */
  router?: Router
  forwardings: readonly {
    status: NonNullable<NonNullable<FloatingIP['status']>['portForwardings']>[number]
    logical?: LogicalPortForwarding['forwardings'][number]
  }[]
  lacks: readonly Outcome[]
}

/** Where each leads, and what each of the others lacks. Pure. */
export function resolveForwardings(
  floatingIP: FloatingIP,
  ways: readonly Way[],
  network: Network,
  deps: ForwardingDeps,
): Forwardings {
  const resolved = ways.flatMap((way) =>
    way.forwarding ? [{ forwarding: way.forwarding, target: resolveTarget(floatingIP, way, network, deps) }] : [],
  )
  const routers = resolved.flatMap(({ target }) => (target.ok ? [target.object.router] : []))
  // Two routers that answer for one address would take it from each other: the one that has it keeps it.
  const router = routers.find(({ metadata }) => metadata.uid === floatingIP.status?.routerUID) ?? routers[0]
  const judged = resolved.map(({ forwarding, target }) => {
    const outcome = target.ok ? otherRouter(target.object.router, router) : target.outcome
    if (outcome || !target.ok) return refused(forwarding, outcome)
    return accepted(forwarding, target.object)
  })
  return {
    ...(router ? { router } : {}),
    forwardings: judged,
    lacks: judged.flatMap((one) => ('lack' in one ? [one.lack] : [])),
  }
}

function otherRouter(own: Router, router: Router | undefined): Outcome | undefined {
  if (!router || own.metadata.uid === router.metadata.uid) return undefined
  const message = `it leads through Router ${keyOfObject(own)}, and others through Router ${keyOfObject(router)}: one address is one Router's; make a FloatingIP for each`
  return waitFor('NotRouted', message)
}

function accepted(forwarding: Forwarding, { port, fixedAddress }: Target) {
  const { protocol, externalPort, externalEndPort = externalPort, internalPort = externalPort } = forwarding
  return {
    status: {
      ...{ protocol, externalPort, fixedIPAddress: fixedAddress },
      ...{ port: port.metadata.name, portUID: port.metadata.uid },
    },
    logical: { protocol, externalPort, internalPort, count: externalEndPort - externalPort + 1, fixedAddress },
  }
}

function refused(forwarding: Forwarding, outcome: Outcome | undefined) {
  const { protocol, externalPort } = forwarding
  const { reason, message } = outcome?.kind === 'wait' ? outcome : { reason: 'PortNotReady', message: '' }
  return {
    status: { protocol, externalPort, reason },
    lack: waitFor(reason, `${describeForwarding(forwarding)}: ${message}`),
  }
}

/** The Networks that the router joins: machines there reach the address by way of their own node. */
export function listJoinedNetworks({ status }: Router, { caches }: ForwardingDeps): string[] {
  const legs = [...(status?.interfaces ?? []), ...(status?.ports ?? []).flatMap(({ fixedIPs }) => fixedIPs)]
  const uids = legs.flatMap(({ subnetUID }) => {
    const subnet = caches.subnets.findByUid(subnetUID)
    const network = subnet && caches.networks.findByKey(networkKeyOf(subnet))
    return network?.metadata.uid ?? []
  })
  return [...new Set(uids)].sort()
}
