// SPDX-License-Identifier: Apache-2.0
// What wakes a port besides its own report and what it names.
import { isDeepStrictEqual } from 'node:util'
import { CLOUD_NAME } from '../../../lib/api/kinds.ts'
import type { ComputeNode, Instance, KubeNode, Port } from '../../../lib/api/types.ts'
import { isConditionTrue } from '../../../lib/conditions.ts'
import { keyOfObject, keyOfRef, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, watchSpecOf, type Source, type Waker, type Watch } from '../../../lib/loop/controller.ts'
import { targetKeysOf } from '../../kind/references.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { portKeysOf } from '../../placed/router-ports.ts'
import { port as portOfMachine } from '../instance/kind.ts'
import { listGateways } from '../subnet/gateways.ts'
import { addressKey } from './address-keys.ts'
import { listNamesakes } from './dns-name.ts'
import { macKeysOf } from './kind.ts'
import { gatewayFactsOf, isCordoned } from '../common/gateway-nodes.ts'
import { listSubportsOn } from './subport.ts'
import { listSharing } from './shared-addresses.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

export function portWatches(deps: OperatorDeps, informers: OperatorInformers): Watch[] {
  const { ports } = deps.caches
  const machinePorts = (instance: Instance) => targetKeysOf(portOfMachine, instance)
  const keyOfUid = (uid: string): ObjectKey[] => {
    const port = ports.findByUid(uid)
    return port ? [keyOfObject(port)] : []
  }
  const ofNetwork = (key: string) => ports.listBy('network', key).map(keyOfObject)
  return [
    watchOf(informers.instances, machinePorts),
    watchOf(informers.subnets, (subnet) => ofNetwork(networkKeyOf(subnet))),
    // Another port with the same MAC may have gone.
    watchOf(informers.ports, (port) =>
      macKeysOf(port)
        .flatMap((mac) => ports.listBy('mac', mac))
        .filter(({ metadata }) => metadata.uid !== port.metadata.uid)
        .map(keyOfObject),
    ),
    // Another port that has the same name may have gone or come.
    {
      ...watchOf(informers.ports, (port) => listNamesakes(port, deps.caches)),
      when: (old, port) => (old as Port).status?.dnsName !== (port as Port).status?.dnsName,
    },
    // One that names it, or has let it go.
    watchOf(informers.routers, portKeysOf),
    // It gives up the gateway address of a subnet.
    watchOf(informers.routers, (router) =>
      listGateways(router, deps.caches)
        .flatMap(({ network, address }) => ports.listBy('address', addressKey(network, address)))
        .map(keyOfObject),
    ),
    // A subport: it comes, goes, or gets another tag, and it is where its parent is.
    watchOf(informers.trunks, function* ({ metadata, status }) {
      for (const { portUID } of status?.subports ?? []) yield* keyOfUid(portUID)
      // A Router may have it once it is no parent any more.
      if (status?.parentUID !== undefined) yield* keyOfUid(status.parentUID)
      yield* ports.listBy('trunkUID', metadata.uid).map(keyOfObject)
    }),
    watchOf(informers.ports, ({ metadata }) => listSubportsOn(metadata.uid, deps.caches).map(keyOfObject)),
    // A gateway node that serves a host outside, or could.
    {
      ...watchOf(informers.computeNodes, () => ports.listBy('offSwitch', '*').map(keyOfObject)),
      when: (old, now) => !isDeepStrictEqual(gatewayFactsOf(old as ComputeNode), gatewayFactsOf(now as ComputeNode)),
    },
    {
      ...watchOf(informers.nodes, () => ports.listBy('offSwitch', '*').map(keyOfObject)),
      when: (old, now) => isCordoned(old as KubeNode) !== isCordoned(now as KubeNode),
    },
    // One port may name another's address in its pairs.
    watchOf(informers.ports, (port) => listSharing(port, deps.caches)),
    // The port that stood in the way of another's wish may be gone: seen to be deleted, or missing from a new list.
    watchOf(informers.ports, (port) => {
      if (port.metadata.deletionTimestamp === undefined && ports.findByUid(port.metadata.uid)) return []
      return ports.listBy('wishing', networkKeyOf(port)).map(keyOfObject)
    }),
    // The ports of its machines, besides those plugged there: a port may not have recorded its machine's node yet, or no longer record it.
    watchOf(informers.computeNodes, ({ metadata: { name } }) =>
      deps.caches.instances.listBy('node', name).flatMap(machinePorts),
    ),
    watchSpecOf(informers.clouds, function* (cloud) {
      if (cloud.metadata.name === CLOUD_NAME) yield* ports.keys()
    }),
  ]
}

export function portSources(deps: OperatorDeps): Source[] {
  const { bus, caches, network } = deps
  const keysBy = (index: string, value: string): ObjectKey[] => caches.ports.listBy(index, value).map(keyOfObject)
  const wakeUnready = ({ enqueue }: Waker): void => {
    for (const port of caches.ports.list())
      if (!isConditionTrue(port.status?.conditions, 'Ready')) enqueue(keyOfObject(port))
  }
  return [
    // Its machine's node says what is plugged.
    ({ enqueue }) =>
      bus.observed.onChange(({ kind, uid }) => {
        const instance = kind === 'instance' ? caches.instances.findByUid(uid) : undefined
        for (const key of instance ? targetKeysOf(portOfMachine, instance) : []) enqueue(key)
      }),
    ({ enqueue }) =>
      deps.addresses.onFreed(({ block, entry }) => {
        // If the Port that had the address still exists, it claims it again.
        if (entry.portRef) enqueue(keyOfRef(entry.portRef))
        const subnet = caches.subnets.find(block.namespace, block.subnetName)
        if (!subnet) return
        const key = networkKeyOf(subnet)
        for (const waiting of keysBy('withoutAddress', key)) enqueue(waiting)
        for (const waiting of keysBy('address', addressKey(key, entry.address))) enqueue(waiting)
      }),
    // The row of its network or subnet now exists and can be referred to.
    ({ enqueue }) =>
      network.onMade(({ kind, uid }) => {
        const made = kind === 'Network' ? caches.networks.findByUid(uid) : undefined
        const subnet = kind === 'Subnet' ? caches.subnets.findByUid(uid) : undefined
        const key = made ? keyOfObject(made) : subnet && networkKeyOf(subnet)
        for (const port of key === undefined ? [] : keysBy('network', key)) enqueue(port)
      }),
    ({ enqueueUid }) =>
      network.onUnreportedClaims((uids) => {
        for (const uid of uids) enqueueUid(uid)
      }),
    // The message of what waits for the network backend names the cause.
    (wake) => network.onHealth(() => wakeUnready(wake)),
    (wake) =>
      network.onTaken(() => {
        for (const { uid } of network.listTaken()) wake.enqueueUid(uid)
        // Ports whose status still says so, but that are no longer taken.
        wakeUnready(wake)
      }),
  ]
}
