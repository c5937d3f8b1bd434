// SPDX-License-Identifier: Apache-2.0
// Creates what a machine needs, for integration tests.
import * as kinds from '../../lib/api/kinds.ts'
import type { ComputeNode, Image, Instance, Network } from '../../lib/api/types.ts'
import { isConditionTrue } from '../../lib/conditions.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import type { TestCloud } from './test-cloud.ts'

export const PROJECT = 'team'
export const at = (name: string): { namespace: string; name: string } => ({ namespace: PROJECT, name })

export function isReady(object: KubeObject | undefined): boolean {
  return isConditionTrue((object?.status as Instance['status'])?.conditions, 'Ready')
}

export function isGone(object: KubeObject | undefined): boolean {
  return object === undefined
}

/** The labels of each node; the first node imports images. */
type NodeLabels = Readonly<Record<string, Readonly<Record<string, string>>>>

const NODES: NodeLabels = {
  net: { 'nephele.dev/image': 'true' },
  c1: { 'nephele.dev/compute': 'fake' },
  c2: { 'nephele.dev/compute': 'fake' },
}

/** Creates nodes with their agents. After everything was lost, the same names keep their running agents. */
export async function ensureNodes(cloud: TestCloud, nodes: NodeLabels = NODES): Promise<void> {
  for (const [name, labels] of Object.entries(nodes)) {
    if (cloud.nodes.has(name)) await cloud.create(kinds.NODE, { metadata: { name, labels } })
    else await cloud.addNode(name, labels)
  }
}

/** Creates a project with an image, a flavor and a network with one subnet, as `kubectl apply` would. */
export async function applyProject(cloud: TestCloud): Promise<void> {
  await cloud.create(kinds.NAMESPACE, { metadata: { name: PROJECT } })
  await cloud.create(kinds.FLAVOR, { metadata: { name: 'small' }, spec: { vcpus: 1, memoryMiB: 64, rootDiskGiB: 1 } })
  await cloud.create(kinds.IMAGE, {
    metadata: at('guest'),
    spec: { source: { http: { url: 'http://images.test/guest' } }, format: 'qcow2' },
  })
  await cloud.create(kinds.NETWORK, { metadata: at('lan'), spec: {} })
  await cloud.create(kinds.SUBNET, {
    metadata: at('lan-v4'),
    spec: { networkRef: { name: 'lan' }, cidr: '10.9.0.0/24' },
  })
}

export async function untilFurnished(cloud: TestCloud): Promise<void> {
  for (const name of cloud.nodes.keys()) await cloud.until<ComputeNode>(kinds.COMPUTE_NODE, { name }, isReady)
  await cloud.until<Image>(kinds.IMAGE, at('guest'), isReady)
  await cloud.until<Network>(kinds.NETWORK, at('lan'), isReady)
}

export function createMachine(cloud: TestCloud, name: string, more: Partial<Instance['spec']> = {}): Promise<Instance> {
  const networks = [{ networkRef: { name: 'lan' } }]
  const spec = { flavorRef: { name: 'small' }, imageRef: { name: 'guest' }, networks, ...more }
  return cloud.create<Instance>(kinds.INSTANCE, { metadata: at(name), spec })
}

/** Deletes and waits until the object is gone. */
export async function removeAndWait(cloud: TestCloud, kind: ResourceKind, name: string): Promise<void> {
  await cloud.client.remove(kind, at(name))
  await cloud.until(kind, at(name), isGone)
}

export async function untilReady(cloud: TestCloud, name: string): Promise<Instance> {
  const machine = await cloud.until<Instance>(kinds.INSTANCE, at(name), isReady)
  if (!machine) throw new Error(`no machine ${name}`)
  return machine
}
