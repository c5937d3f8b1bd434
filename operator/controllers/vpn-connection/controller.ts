// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import { FINALIZER, VPN_CONNECTION } from '../../../lib/api/kinds.ts'
import type { Router, Subnet, VPNConnection } from '../../../lib/api/types.ts'
import { keyOfObject, keyOfRef, type KubeObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { networkKeyOf } from '../../kind/network-key.ts'
import { isOtherConnection } from './kind.ts'
import { reconcileVPNConnection } from './reconcile.ts'

export function vpnConnectionController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<VPNConnection> {
  const { routers, vpnConnections, vpnServices } = deps.caches
  const ofService = (key: ObjectKey) => vpnConnections.listBy('vpnService', key).map(keyOfObject)
  const ofRouter = (router: KubeObject) =>
    vpnServices.listBy('routerUID', router.metadata.uid).flatMap((service) => ofService(keyOfObject(service)))
  return {
    name: 'vpn-connection',
    kind: VPN_CONNECTION,
    finalizer: FINALIZER,
    watches: [
      // Others of its service, which may have had what it wants.
      {
        ...watchOf(informers.vpnConnections, ({ metadata, spec }) =>
          ofService(keyOfRef({ namespace: metadata.namespace, name: spec.vpnServiceRef.name })),
        ),
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
          ...vpnServices.listBy('network', networkKeyOf(subnet)).flatMap((service) => ofService(keyOfObject(service))),
        ]),
        when: (old, now) => !isDeepStrictEqual((old as Subnet).status?.cidr, (now as Subnet).status?.cidr),
      },
    ],
    sources: [
      ({ enqueue }) =>
        deps.bus.observed.onChange(({ kind, uid }) => {
          const service = kind === 'vpn' ? vpnServices.findByUid(uid) : undefined
          for (const key of service ? ofService(keyOfObject(service)) : []) enqueue(key)
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
