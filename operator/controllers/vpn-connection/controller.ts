// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import { FINALIZER, VPN_CONNECTION } from '../../../lib/api/kinds.ts'
import type { Router, Subnet, VPNConnection, VPNService } from '../../../lib/api/types.ts'
import { keyOfObject, type KubeObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { networkKeyOf } from '../../kind/network-key.ts'
import { listConnections } from './judge.ts'
import { isOtherConnection } from './kind.ts'
import { reconcileVPNConnection } from './reconcile.ts'

export function vpnConnectionController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<VPNConnection> {
  const { routers, vpnConnections, vpnServices } = deps.caches
  // Those that count: whatever changes, nothing becomes of the others before one of these goes.
  const ofService = (service: VPNService) => listConnections(service, deps.caches).map(keyOfObject)
  const ofRouter = (router: KubeObject) => vpnServices.listBy('routerUID', router.metadata.uid).flatMap(ofService)
  const goingOf = ({ metadata }: VPNService) =>
    vpnConnections
      .listBy('serviceUID', metadata.uid)
      .filter((one) => one.metadata.deletionTimestamp !== undefined)
      .map(keyOfObject)
  return {
    name: 'vpn-connection',
    kind: VPN_CONNECTION,
    finalizer: FINALIZER,
    watches: [
      // Others of its service, which may have had what it wants.
      {
        ...watchOf(informers.vpnConnections, ({ metadata, spec }): ObjectKey[] => {
          const service = vpnServices.find(metadata.namespace, spec.vpnServiceRef.name)
          return service ? ofService(service) : []
        }),
        when: isOtherConnection,
      },
      {
        ...watchOf(informers.routers, ofRouter),
        when: (old, now) => !isDeepStrictEqual(reachedBy(old as Router), reachedBy(now as Router)),
      },
      {
        ...watchOf(informers.subnets, (subnet: Subnet) => [
          ...routers.listBy('legUID', subnet.metadata.uid).flatMap(ofRouter),
          // Of the external Network: no peer can have its range.
          ...vpnServices.listBy('network', networkKeyOf(subnet)).flatMap(ofService),
        ]),
        when: (old, now) => !isDeepStrictEqual((old as Subnet).status?.cidr, (now as Subnet).status?.cidr),
      },
    ],
    sources: [
      ({ enqueue }) =>
        deps.bus.observed.onChange(({ kind, uid }) => {
          const service = kind === 'vpn' ? vpnServices.findByUid(uid) : undefined
          for (const key of service ? [...ofService(service), ...goingOf(service)] : []) enqueue(key)
        }),
    ],
    reconcile: (connection, run) => reconcileVPNConnection(connection, deps, run),
    errorState: 'ERROR',
    forget: (_key, { metadata }) => deps.vpnKeys.forget(metadata.uid),
  }
}

function reachedBy({ spec, status }: Router): unknown {
  return [spec.routes, status?.interfaces, status?.ports, status?.externalGateway]
}
