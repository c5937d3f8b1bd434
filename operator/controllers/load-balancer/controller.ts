// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import { FINALIZER, LOAD_BALANCER } from '../../../lib/api/kinds.ts'
import type { ComputeNode, Instance, KubeNode, LoadBalancer, Port, Router } from '../../../lib/api/types.ts'
import { keyOfObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { keyOf } from '../../kind/references.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { gatewayFactsOf, isCordoned } from '../common/gateway-nodes.ts'
import { labelKeysOf } from '../instance/label-keys.ts'
import { listPorts } from '../instance/nics.ts'
import { answeringOf } from './own-addresses.ts'
import { MemberPorts } from './member-ports.ts'
import { isOff } from './members.ts'
import { isProxyHolder } from './proxy-addresses.ts'
import { reconcileLoadBalancer } from './reconcile.ts'

export function loadBalancerController(
  deps: OperatorDeps,
  informers: OperatorInformers,
  memberPorts = new MemberPorts(),
): ControllerDefinition<LoadBalancer> {
  const { instances, loadBalancers, networks, ports, routers, subnets } = deps.caches
  const keysBy = (index: string, value: string): ObjectKey[] => loadBalancers.listBy(index, value).map(keyOfObject)
  const onMachine = (instance: Pick<Instance, 'metadata'>) =>
    labelKeysOf(instance).flatMap((key) => keysBy('selects', key))
  const onPort = ({ metadata, status }: Port) => {
    const machine = status?.instance && instances.findByUid(status.instance.uid)
    return [...memberPorts.balancersOf(metadata.uid), ...(machine ? onMachine(machine) : [])]
  }
  /** It may be off, or run again. */
  const onPower = (instance: Instance) => {
    return listPorts(instance, ports).flatMap(({ metadata }) => memberPorts.balancersOf(metadata.uid))
  }
  /** Those whose address is of a Subnet that it joins. */
  const onRouter = ({ metadata, status }: Router) =>
    (status?.interfaces ?? []).flatMap(({ subnet, namespace = metadata.namespace }) =>
      keysBy('subnet', keyOf({ name: subnet }, namespace)),
    )
  /** Behind this Router, those that monitor and have no address in the Subnet to probe from. */
  const lackingProbe = (router: Router, subnetUid: string) =>
    loadBalancers
      .listBy('monitors', keyOfObject(router))
      .filter(({ status }) => !status?.probeAddresses?.some(({ subnetUID }) => subnetUID === subnetUid))
      .map(keyOfObject)
  /** Those whose proxies it runs, and those that want one. */
  const carriedOrWaiting = ({ metadata }: ComputeNode | KubeNode) => [
    ...keysBy('proxyNode', metadata.name),
    ...keysBy('wantsProxies', 'true'),
  ]
  return {
    name: 'load-balancer',
    kind: LOAD_BALANCER,
    finalizer: FINALIZER,
    watches: [
      {
        ...watchOf(informers.routers, onRouter),
        when: (old, now) => !isDeepStrictEqual(waysOf(old as Router), waysOf(now as Router)),
      },
      // An address that is a member of others: no balancer is to be one.
      {
        ...watchOf(informers.loadBalancers, (balancer) =>
          answeringOf(balancer).flatMap((address) => keysBy('memberAddress', address)),
        ),
        when: (old, now) => !isDeepStrictEqual(answeringOf(old as LoadBalancer), answeringOf(now as LoadBalancer)),
      },
      // An address outside that leads to it, or did.
      watchOf(informers.floatingIPs, ({ status }) => {
        const led = status?.loadBalancerUID === undefined ? undefined : loadBalancers.findByUid(status.loadBalancerUID)
        return led ? [keyOfObject(led)] : []
      }),
      {
        ...watchOf(informers.instances, onMachine),
        when: (old, now) => !isDeepStrictEqual(selectedOf(old as Instance), selectedOf(now as Instance)),
      },
      {
        ...watchOf(informers.instances, onPower),
        when: (old, now) => isOff(old as Instance) !== isOff(now as Instance),
      },
      {
        ...watchOf(informers.ports, onPort),
        when: (old, now) => !isDeepStrictEqual(reachedAt(old as Port), reachedAt(now as Port)),
      },
      {
        ...watchOf(informers.computeNodes, carriedOrWaiting),
        when: (old, now) => !isDeepStrictEqual(proxyFactsOf(old as ComputeNode), proxyFactsOf(now as ComputeNode)),
      },
      {
        ...watchOf(informers.nodes, carriedOrWaiting),
        when: (old, now) => isCordoned(old as KubeNode) !== isCordoned(now as KubeNode),
      },
    ],
    sources: [
      // Whether the word of its proxies counts.
      ({ enqueue }) =>
        deps.bus.heartbeats.onChange((nodes) => {
          for (const node of nodes) for (const key of keysBy('proxyNode', node)) enqueue(key)
        }),
      ({ enqueue }) =>
        deps.network.onProbes((portUids) => {
          for (const uid of portUids) for (const key of memberPorts.balancersOf(uid)) enqueue(key)
        }),
      ({ enqueue, enqueueUid }) =>
        deps.addresses.onFreed(({ block, entry }) => {
          const { ownerRef } = entry
          if (ownerRef && isHolder(ownerRef.kind)) enqueueUid(ownerRef.uid)
          const probing = routers.listBy('legUID', block.subnetUid).flatMap((one) => lackingProbe(one, block.subnetUid))
          const waiting = keysBy('withoutAddress', `${block.namespace}/${block.subnetName}`)
          for (const key of [...waiting, ...probing]) enqueue(key)
        }),
      // The rows of its router or of a network can be written to now.
      ({ enqueue }) =>
        deps.network.onMade(({ kind, uid }) => {
          const router = kind === 'Router' ? routers.findByUid(uid) : undefined
          const network = kind === 'Network' ? networks.findByUid(uid) : undefined
          const joining = network
            ? subnets
                .listBy('network', keyOfObject(network))
                .flatMap((subnet) => routers.listBy('legUID', subnet.metadata.uid))
            : []
          for (const one of [...(router ? [router] : []), ...joining]) for (const key of onRouter(one)) enqueue(key)
        }),
    ],
    reconcile: (balancer, run) => reconcileLoadBalancer(balancer, { ...deps, memberPorts }, run),
    errorState: 'ERROR',
    forget: (_key, { metadata }) => deps.certificates.forget(metadata.uid),
  }

  function selectedOf({ metadata }: Instance): unknown {
    return [metadata.labels, metadata.deletionTimestamp]
  }
}

/** What of a node decides whether it runs proxies, and what it is told. */
function proxyFactsOf(node: ComputeNode): unknown {
  return [gatewayFactsOf(node), node.status?.sealingKey]
}

/** As which a balancer holds addresses. */
function isHolder(kind: string): boolean {
  return kind === 'LoadBalancer' || kind === 'HealthMonitor' || isProxyHolder(kind)
}

/** What of a Router decides who is reached. */
function waysOf({ metadata, status }: Router): unknown {
  return [metadata.deletionTimestamp, status?.interfaces]
}

function reachedAt({ status }: Port): unknown {
  return [status?.state, status?.fixedIPs, status?.instance, status?.node]
}
