// SPDX-License-Identifier: Apache-2.0
// What wakes a machine besides its own report and document, what it names (./kind.ts), and the end of whatever held back all objects
// (operator/leadership/look-again.ts).
import type { ComputeNode, ConsoleAccess, Image, InstanceAction } from '../../../lib/api/types.ts'
import { isConditionTrue } from '../../../lib/conditions.ts'
import { keyOfObject, type KubeObject } from '../../../lib/kube/object.ts'
import { watchOf, watchSpecOf, type Source, type Watch } from '../../../lib/loop/controller.ts'
import { findResource } from '../../kind/document-kinds.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import { usersOfPort } from '../../placed/holding.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { instanceKeyOf as machineOfConsole, isGiven } from '../console-access/kind.ts'
import { isOtherPeer } from '../image/kind.ts'
import { instanceKeyOf } from '../instance-action/kind.ts'
import { listGateways } from '../subnet/gateways.ts'
import { macKeysOf } from '../port/kind.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

const isRunning = (action: KubeObject): boolean => (action as InstanceAction).status?.state === 'Running'

const copyNodesOf = ({ status }: Image): string => (status?.copies ?? []).map(({ node }) => node).join()

export function instanceWatches(deps: OperatorDeps, informers: OperatorInformers): Watch[] {
  const { caches } = deps
  const { instances } = caches
  const keysBy = (index: string, value: string) => instances.listBy(index, value).map(keyOfObject)
  /** Those whose document says who may read what is copied for the Image. */
  const copiedFor = ({ metadata: { namespace }, spec }: Image) => {
    const { name } = spec.source.snapshot?.instanceActionRef ?? {}
    const action = name === undefined ? undefined : caches.instanceActions.find(namespace, name)
    return action && isRunning(action) ? [instanceKeyOf(action)] : []
  }
  return [
    {
      ...watchOf(informers.images, copiedFor),
      when: (old, now) => copyNodesOf(old as Image) !== copyNodesOf(now as Image),
    },
    {
      ...watchOf(informers.computeNodes, ({ metadata }) =>
        caches.images.listBy('copyNodes', metadata.name).flatMap(copiedFor),
      ),
      when: (old, now) => isOtherPeer(old as ComputeNode, now as ComputeNode),
    },
    // One that moved before a restore waits until the node that has it is given up (./newer-owner.ts).
    {
      ...watchOf(informers.computeNodes, ({ metadata }) =>
        deps.bus.observed
          .listNode(metadata.name)
          .filter(({ kind }) => kind === 'instance')
          .flatMap(({ uid }) => instances.findByUid(uid) ?? [])
          .map(keyOfObject),
      ),
      when: (old, now) => (old as ComputeNode).spec.lost !== (now as ComputeNode).spec.lost,
    },
    // What is given to it to be done stands in its document; what is over does not.
    {
      ...watchOf(informers.instanceActions, (action) => [instanceKeyOf(action)]),
      when: (old, now) => isRunning(old) || isRunning(now),
    },
    // So does who may open its console.
    {
      ...watchOf(informers.consoleAccesses, (access) => [machineOfConsole(access)]),
      when: (old, now) => isGiven(old as ConsoleAccess) !== isGiven(now as ConsoleAccess),
    },
    watchOf(informers.subnets, (subnet) => keysBy('network', networkKeyOf(subnet))),
    // It may give up the gateway address that they ask for.
    watchOf(informers.routers, (router) =>
      listGateways(router, deps.caches).flatMap(({ network }) => keysBy('unplacedOn', network)),
    ),
    // What is set aside for the machines of its ports may be other now.
    watchSpecOf(informers.qosPolicies, (policy) =>
      caches.ports
        .listBy('givenQoSPolicy', keyOfObject(policy))
        .flatMap((port) => usersOfPort(port, deps))
        .map(keyOfObject),
    ),
    // What comes by the interface of one that waits decides where it may go.
    watchOf(informers.trunks, ({ status }) => {
      const parent = caches.ports.findByUid(status?.parentUID ?? '')
      const users = parent ? usersOfPort(parent, deps) : []
      return users.filter((user) => user.status?.node === undefined).map(keyOfObject)
    }),
    // The port may have given up, or taken, the MAC that these machines ask for.
    watchOf(informers.ports, (port) => macKeysOf(port).flatMap((mac) => keysBy('unplacedMac', mac))),
  ]
}

export function instanceSources(deps: OperatorDeps): Source[] {
  const { bus, caches } = deps
  const { instances } = caches
  const keysBy = (index: string, value: string) => instances.listBy(index, value).map(keyOfObject)
  return [
    ({ enqueue }) => deps.waitingRoom.onWake((key) => enqueue(key)),
    ({ enqueue }) => deps.adminPasswords.onChange((key) => enqueue(key)),
    // Reports on what has no resource, also `gone`: a waiting machine may be waiting for just that to go.
    () =>
      bus.observed.onChange(({ kind, uid }) => {
        if ((kind === 'instance' || kind === 'port') && !findResource(kind, uid, caches)) deps.waitingRoom.wakeAll()
      }),
    // Reports on its ports and volumes.
    ({ enqueue }) =>
      bus.observed.onChange(({ kind, uid }) => {
        const port = kind === 'port' ? caches.ports.findByUid(uid) : undefined
        const volume = kind === 'volume' ? caches.volumes.findByUid(uid) : undefined
        const users: KubeObject[] = port ? usersOfPort(port, deps) : []
        for (const user of users) enqueue(keyOfObject(user))
        for (const key of volume ? keysBy('volume', keyOfObject(volume)) : []) enqueue(key)
      }),
    ({ enqueue }) =>
      bus.inventory.onChange((node) => {
        // A new boot of the node asks for new grants.
        for (const key of keysBy('node', node)) enqueue(key)
      }),
    // A silent node shows in the status of its machines.
    ({ enqueue }) =>
      bus.heartbeats.onChange((nodes) => {
        for (const node of nodes) for (const key of keysBy('node', node)) enqueue(key)
      }),
    ({ enqueue }) =>
      deps.addresses.onFreed(({ block }) => {
        const subnet = caches.subnets.find(block.namespace, block.subnetName)
        if (!subnet) return
        for (const key of keysBy('unplacedOn', networkKeyOf(subnet))) enqueue(key)
      }),
    // The message of what waits for the network backend names the cause.
    ({ enqueue }) =>
      deps.network.onHealth(() => {
        for (const instance of instances.list())
          if (!isConditionTrue(instance.status?.conditions, 'Ready')) enqueue(keyOfObject(instance))
      }),
  ]
}
