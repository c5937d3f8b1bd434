// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import { CLOUD_NAME } from '../../../lib/api/kinds.ts'
import type { ComputeNode, KubeNode, LoadBalancer, Network, Port } from '../../../lib/api/types.ts'
import { keyOfObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, watchSpecOf, type Source, type Watch } from '../../../lib/loop/controller.ts'
import { targetKeysOf } from '../../kind/references.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { answeredOf } from './balancers.ts'
import { gatewayFactsOf, isCordoned, wantsGateways } from '../common/gateway-nodes.ts'
import { routers as routersOfFirewall } from '../firewall-group/kind.ts'
import { leg, subnet as subnetOfRouter } from './kind.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

type WakeDeps = Pick<OperatorDeps, 'addresses' | 'caches' | 'network'>

export function routerWatches({ caches }: WakeDeps, informers: OperatorInformers): Watch[] {
  const { routers, subnets } = caches
  const { onNetwork, onSubnet } = usersOf(caches)
  return [
    watchOf(informers.networks, onNetwork),
    // One that had a subnet which this one names may have gone.
    watchOf(informers.routers, (router) =>
      [...targetKeysOf(subnetOfRouter, router), ...targetKeysOf(leg, router)].flatMap(onSubnet),
    ),
    // One at a gateway address may have gone.
    watchOf(informers.ports, (port) => {
      const joined = subnets.listBy('network', networkKeyOf(port))
      const addresses = new Set(port.status?.fixedIPs?.map(({ ipAddress }) => ipAddress))
      const held = joined.filter(({ status }) => status?.gatewayIP !== undefined && addresses.has(status.gatewayIP))
      return held.flatMap((subnet) => onSubnet(keyOfObject(subnet)))
    }),
    // It answers for the address of a balancer, or no longer.
    {
      ...watchOf(informers.loadBalancers, ({ status }: LoadBalancer) =>
        status?.router === undefined ? [] : [status.router],
      ),
      when: (old, now) => !isDeepStrictEqual(answeredOf(old as LoadBalancer), answeredOf(now as LoadBalancer)),
    },
    // Its external network has another subnet, or the subnet another gateway.
    watchOf(informers.subnets, (subnet) => routers.listBy('outside', networkKeyOf(subnet)).map(keyOfObject)),
    // It stands at a leg by now, or is to stand there no longer.
    watchOf(informers.firewallGroups, (group) => targetKeysOf(routersOfFirewall, group)),
    // It announces name servers.
    watchSpecOf(informers.clouds, function* (cloud) {
      if (cloud.metadata.name === CLOUD_NAME) yield* routers.keys()
    }),
    {
      ...watchOf(informers.computeNodes, carriedOrWaiting),
      when: (old, now) => !isDeepStrictEqual(gatewayFactsOf(old as ComputeNode), gatewayFactsOf(now as ComputeNode)),
    },
    {
      ...watchOf(informers.nodes, carriedOrWaiting),
      when: (old, now) => isCordoned(old as KubeNode) !== isCordoned(now as KubeNode),
    },
  ]

  /** Those that it carries, and those that it could: gateway nodes come, go and are cordoned rarely. */
  function carriedOrWaiting({ metadata }: ComputeNode | KubeNode): ObjectKey[] {
    const carried = routers.listBy('gatewayNode', metadata.name)
    return [...carried, ...routers.list().filter(wantsGateways)].map(keyOfObject)
  }
}

export function routerSources({ addresses, caches, network }: WakeDeps): Source[] {
  const { onNetwork, onSubnet } = usersOf(caches)
  return [
    // A row of a network can be written to now.
    ({ enqueue }) =>
      network.onMade(({ kind, uid }) => {
        const made = kind === 'Network' ? caches.networks.findByUid(uid) : undefined
        for (const key of made ? onNetwork(made) : []) enqueue(key)
      }),
    // A next hop answers, or no longer.
    ({ enqueueUid }) =>
      network.onNextHops((routerUids) => {
        for (const uid of routerUids) enqueueUid(uid)
      }),
    // An address that it waits for may be free now.
    ({ enqueue, enqueueUid }) =>
      addresses.onFreed(({ block, entry }) => {
        if (entry.ownerRef?.kind === 'Router') enqueueUid(entry.ownerRef.uid)
        const subnet = caches.subnets.find(block.namespace, block.subnetName)
        if (!subnet) return
        if (subnet.status?.gatewayIP === entry.address) for (const key of onSubnet(keyOfObject(subnet))) enqueue(key)
        const waiting = caches.routers.listBy('withoutGateway', networkKeyOf(subnet))
        const asking = caches.routers.listBy('askedAddress', entry.address)
        for (const router of [...waiting, ...asking]) enqueue(keyOfObject(router))
      }),
  ]
}

function usersOf({ ports, routers, subnets }: OperatorDeps['caches']) {
  const onSubnet = (key: ObjectKey) => routers.listBy('subnet', key).map(keyOfObject)
  const onPort = (port: Port) => [
    ...routers.listBy('port', keyOfObject(port)),
    ...routers.listBy('portLegUID', port.metadata.uid),
  ]
  const onNetwork = (network: Network) => [
    ...ports.listBy('network', keyOfObject(network)).flatMap(onPort).map(keyOfObject),
    ...subnets.listBy('network', keyOfObject(network)).flatMap((subnet) => onSubnet(keyOfObject(subnet))),
    ...routers.listBy('outside', keyOfObject(network)).map(keyOfObject),
  ]
  return { onNetwork, onSubnet }
}
