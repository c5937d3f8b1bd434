// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import { FINALIZER, FLOATING_IP } from '../../../lib/api/kinds.ts'
import type { ComputeNode, FloatingIP, LoadBalancer, Port, Router } from '../../../lib/api/types.ts'
import { keyOfObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileFloatingIP } from './reconcile.ts'
import { portUIDsOf } from './ways.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

export function floatingIPController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<FloatingIP> {
  const { floatingIPs, ports, routers, subnets } = deps.caches
  const keysBy = (index: string, value: string): ObjectKey[] => floatingIPs.listBy(index, value).map(keyOfObject)
  /** Those that lead to it, or to its machine. */
  const onPort = (port: Port) => {
    const { name } = port.status?.instance ?? {}
    const ofMachine = name === undefined ? [] : keysBy('instance', `${port.metadata.namespace}/${name}`)
    return [...keysBy('port', keyOfObject(port)), ...ofMachine]
  }
  const waitingFor = ({ status }: Router) =>
    status?.externalGateway ? keysBy('unrouted', status.externalGateway.network) : []
  return {
    name: 'floating-ip',
    kind: FLOATING_IP,
    finalizer: FINALIZER,
    watches: [
      {
        ...watchOf(informers.routers, waitingFor),
        when: (old, now) => !isDeepStrictEqual(waysOf(old as Router), waysOf(now as Router)),
      },
      // One that led to the same address may have gone.
      watchOf(informers.floatingIPs, (floatingIP) =>
        portUIDsOf(floatingIP)
          .flatMap((uid) => ports.findByUid(uid) ?? [])
          .flatMap(onPort),
      ),
      // One that it led to no longer answers at its address.
      {
        ...watchOf(informers.loadBalancers, ({ metadata }) => keysBy('loadBalancerUID', metadata.uid)),
        when: (old, now) => !isDeepStrictEqual(answeredOf(old as LoadBalancer), answeredOf(now as LoadBalancer)),
      },
      // A machine's port has its addresses, or is elsewhere.
      watchOf(informers.ports, onPort),
      watchOf(informers.subnets, (subnet) => keysBy('withoutAddress', networkKeyOf(subnet))),
      {
        // Whether the node of its machine answers for it.
        ...watchOf(informers.computeNodes, ({ metadata }: ComputeNode) =>
          ports.listBy('node', metadata.name).flatMap(onPort),
        ),
        when: (old, now) => !isDeepStrictEqual(connectionsOf(old as ComputeNode), connectionsOf(now as ComputeNode)),
      },
    ],
    sources: [
      ({ enqueue, enqueueUid }) =>
        deps.addresses.onFreed(({ block, entry }) => {
          if (entry.ownerRef?.kind === 'FloatingIP') enqueueUid(entry.ownerRef.uid)
          const subnet = subnets.find(block.namespace, block.subnetName)
          const network = subnet && networkKeyOf(subnet)
          for (const key of network === undefined ? [] : keysBy('withoutAddress', network)) enqueue(key)
        }),
      // The row of its router can be written to now.
      ({ enqueue }) =>
        deps.network.onMade(({ kind, uid }) => {
          const router = kind === 'Router' ? routers.findByUid(uid) : undefined
          for (const key of router ? [...keysBy('router', keyOfObject(router)), ...waitingFor(router)] : [])
            enqueue(key)
        }),
    ],
    reconcile: (floatingIP, run) => reconcileFloatingIP(floatingIP, deps, run),
    errorState: 'ERROR',
  }
}

/** What of a Router decides where FloatingIPs can lead. */
function waysOf({ metadata, status }: Router): unknown {
  return [metadata.deletionTimestamp, status?.externalGateway, status?.interfaces, status?.ports]
}

function answeredOf({ status }: LoadBalancer): unknown {
  return status?.externalAddresses
}

function connectionsOf({ status }: ComputeNode): unknown {
  return status?.inventory?.physicalNetworks
}
