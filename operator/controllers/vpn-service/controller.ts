// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import { FINALIZER, VPN_SERVICE } from '../../../lib/api/kinds.ts'
import type { ComputeNode, Router, Subnet, VPNService } from '../../../lib/api/types.ts'
import { keyOfObject, keyOfRef, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { networkKeyOf } from '../../kind/network-key.ts'
import { isOtherConnection } from '../vpn-connection/kind.ts'
import { reconcileVPNService } from './reconcile.ts'

export function vpnServiceController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<VPNService> {
  const { routers, subnets, vpnServices } = deps.caches
  const keysBy = (index: string, value: string): ObjectKey[] => vpnServices.listBy(index, value).map(keyOfObject)
  const ofRouter = (routerUid: string): ObjectKey[] => {
    const router = routers.findByUid(routerUid)
    return router ? keysBy('router', keyOfObject(router)) : []
  }
  const waiting = () => keysBy('withoutAddress', 'true')
  return {
    name: 'vpn-service',
    kind: VPN_SERVICE,
    finalizer: FINALIZER,
    watches: [
      {
        ...watchOf(informers.vpnConnections, ({ metadata, spec }) => [
          keyOfRef({ namespace: metadata.namespace, name: spec.vpnServiceRef.name }),
        ]),
        when: isOtherConnection,
      },
      // For its key what they are told is sealed.
      {
        ...watchOf(informers.computeNodes, (node: ComputeNode) => keysBy('node', keyOfObject(node))),
        when: (old, now) => (old as ComputeNode).status?.sealingKey !== (now as ComputeNode).status?.sealingKey,
      },
      // Another one of the same Router may have gone.
      {
        ...watchOf(informers.vpnServices, ({ metadata, spec }) =>
          keysBy('router', keyOfRef({ namespace: metadata.namespace, name: spec.routerRef.name })),
        ),
        when: (old, now) => (old as VPNService).status?.routerUID !== (now as VPNService).status?.routerUID,
      },
      // An address outside; what peers reach, of the Routers of these; what is no peer's.
      {
        ...watchOf(informers.subnets, ({ metadata, spec }: Subnet) => [
          ...waiting(),
          ...keysBy('network', keyOfRef({ namespace: metadata.namespace, name: spec.networkRef.name })),
          ...routers.listBy('legUID', metadata.uid).flatMap((router: Router) => keysBy('router', keyOfObject(router))),
        ]),
        when: (old, now) => !isDeepStrictEqual(old.spec, now.spec) || !isDeepStrictEqual(old.status, now.status),
      },
    ],
    sources: [
      ({ enqueue }) =>
        deps.network.onGatewayMoves((uids) => {
          for (const key of uids.flatMap(ofRouter)) enqueue(key)
        }),
      // The row of its router, or of the external network, can be written to now.
      ({ enqueue }) =>
        deps.network.onMade(({ kind, uid }) => {
          if (kind === 'Router') for (const key of ofRouter(uid)) enqueue(key)
          if (kind !== 'Network') return
          for (const { metadata, status } of vpnServices.list())
            if (status?.networkUID === uid) enqueue(keyOfObject({ metadata }))
        }),
      ({ enqueue, enqueueUid }) =>
        deps.addresses.onFreed(({ block, entry }) => {
          if (entry.ownerRef?.kind === 'VPNService') enqueueUid(entry.ownerRef.uid)
          const subnet = subnets.find(block.namespace, block.subnetName)
          for (const key of [...waiting(), ...(subnet ? keysBy('withoutFamily', networkKeyOf(subnet)) : [])])
            enqueue(key)
        }),
      ({ enqueue }) => deps.vpnKeys.onChange((service) => enqueue(service)),
    ],
    reconcile: (service, run) => reconcileVPNService(service, deps, run),
    errorState: 'ERROR',
    forget: (_key, { metadata }) => deps.vpnKeys.forgetService(metadata.uid),
  }
}
