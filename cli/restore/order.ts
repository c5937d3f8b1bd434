// SPDX-License-Identifier: Apache-2.0
import {
  ADDRESS_GROUP,
  ADDRESS_SCOPE,
  CLOUD,
  COMPUTE_NODE,
  CONSOLE_ACCESS,
  FIREWALL_GROUP,
  FIREWALL_POLICY,
  FLAVOR,
  FLOATING_IP,
  HOST_AGGREGATE,
  IMAGE,
  IMAGE_STORE,
  INSTANCE,
  INSTANCE_ACTION,
  IP_CLAIM,
  KEY_PAIR,
  LOAD_BALANCER,
  NAMESPACE,
  NETWORK,
  PLACEMENT_PREVIEW,
  PORT,
  PROVIDER_NETWORK,
  QOS_POLICY,
  QUOTA,
  REACHABILITY,
  ROUTER,
  SCHEDULER_PROFILE,
  SECRET,
  SECURITY_GROUP,
  SERVER_GROUP,
  STORAGE_POOL,
  SUBNET,
  SUBNET_POOL,
  TRUNK,
  VOLUME,
  VOLUME_TYPE,
  VPN_CONNECTION,
  VPN_SERVICE,
} from '../../lib/api/kinds.ts'
import type { ResourceKind } from '../../lib/kube/object.ts'

/** What others need comes first. */
export const ORDER: readonly ResourceKind[] = [
  ...[NAMESPACE, SECRET, SCHEDULER_PROFILE, HOST_AGGREGATE, FLAVOR, STORAGE_POOL, VOLUME_TYPE, IMAGE_STORE],
  ...[PROVIDER_NETWORK, QUOTA, KEY_PAIR, SERVER_GROUP, IMAGE, ADDRESS_SCOPE, SUBNET_POOL, QOS_POLICY, ADDRESS_GROUP],
  ...[SECURITY_GROUP, FIREWALL_POLICY, FIREWALL_GROUP, NETWORK, SUBNET, VOLUME, PORT, TRUNK, FLOATING_IP, INSTANCE],
  ...[ROUTER, LOAD_BALANCER, VPN_SERVICE, VPN_CONNECTION],
]

/** By kind, why none is made anew. */
export const LEFT_OUT: ReadonlyMap<string, string> = new Map(
  (
    [
      [CLOUD, 'the operator has made its own: compare the settings'],
      [
        COMPUTE_NODE,
        'the operator makes them of the nodes that join: what people decided about a node is to be said again',
      ],
      [IP_CLAIM, 'the operator makes them as addresses are taken'],
      [INSTANCE_ACTION, 'what they ask for would be done once more'],
      [CONSOLE_ACCESS, 'they are for the moment'],
      [PLACEMENT_PREVIEW, 'they are for the moment'],
      [REACHABILITY, 'they are for the moment'],
    ] as const
  ).map(([{ plural }, why]) => [plural, why]),
)

/**
 * Addresses that are to be kept are taken before anybody is given one: all of a stage are claimed before the next begins.
 * What gives itself more addresses than it can be told, such as a LoadBalancer with a health monitor, comes after all others.
 */
export const STAGES = [
  'ground',
  'known addresses',
  'known and unknown addresses',
  'routers',
  'balancers',
  'rest',
] as const
export type Stage = (typeof STAGES)[number]

const HOLDERS = new Set([PORT, FLOATING_IP, INSTANCE].map(({ plural }) => plural))
const OTHERS = new Map<string, Stage>([
  [ROUTER.plural, 'routers'],
  [LOAD_BALANCER.plural, 'balancers'],
])
const LAST = new Set([TRUNK, VPN_SERVICE, VPN_CONNECTION].map(({ plural }) => plural))

/** Pure. @param kept how many addresses it asks for, and `isAll`: it is given no other */
export function stageOf({ plural }: ResourceKind, { kept, isAll }: { kept: number; isAll: boolean }): Stage {
  if (LAST.has(plural)) return 'rest'
  if (HOLDERS.has(plural)) return isAll ? 'known addresses' : kept > 0 ? 'known and unknown addresses' : 'rest'
  const stage = OTHERS.get(plural)
  return stage === undefined ? 'ground' : kept > 0 ? stage : 'rest'
}
