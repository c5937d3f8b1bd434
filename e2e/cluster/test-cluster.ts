// SPDX-License-Identifier: Apache-2.0
// What the lane needs of a cluster, whatever made it: a kubeconfig, and two nodes with the host services of docs/install.md.
import { NODE, NODE_LABELS } from '../../lib/api/kinds.ts'
import type { HttpKubeClient } from '../../lib/kube/http-client.ts'
import type { KubeObject } from '../../lib/kube/object.ts'

export interface TestCluster {
  kubeconfig: string
  client: HttpKubeClient
  /** The nodes that run machines, each in a zone of its own; the first is also gateway, storage and image node. */
  nodes: readonly [TestNode, TestNode]
  /** Files for `helm --values`: where the images are and which network carries tunnels. */
  values: readonly string[]
  /** An address of this machine that the nodes reach. */
  host: string
  /** The folder of guest.qcow2. */
  guestImage: string
  stop(): Promise<void>
}

/** How a node is reached besides its kubelet. */
export interface NodeAccess {
  /** Runs a program on the node, among its processes; resolves to its output. @throws ExecError as exec does */
  run(argv: readonly string[]): Promise<string>
  /** Empty where there is no such file. */
  read(path: string): Promise<string>
}

export interface TestNode extends NodeAccess {
  name: string
  zone: string
}

/** By the labels of the cluster's nodes: names are the cluster's to choose. */
export async function findTestNodes(
  client: HttpKubeClient,
  access: (name: string) => NodeAccess,
): Promise<TestCluster['nodes']> {
  const all = await client.list<KubeObject>(NODE)
  const [first, second] = all
    .filter(({ metadata }) => metadata.labels?.[NODE_LABELS.compute] !== undefined)
    .toSorted((a, b) => Number(hasVolumes(b)) - Number(hasVolumes(a)))
    .map(({ metadata: { name, labels } }) => ({ name, zone: labels?.[NODE_LABELS.zone] ?? '', ...access(name) }))
  if (!first || !second) throw new Error(`the lane needs two nodes with the label ${NODE_LABELS.compute}`)
  return [first, second]
}

const hasVolumes = ({ metadata }: KubeObject): boolean => metadata.labels?.[NODE_LABELS.storage] === 'true'
