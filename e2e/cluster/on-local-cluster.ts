// SPDX-License-Identifier: Apache-2.0
// The lane on local/cluster: kubelets in namespaces of this machine, without Docker and without a registry.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { REPOSITORY } from '../../local/cloud/layout.ts'
import { startCluster, type Cluster } from '../../local/cluster/cluster.ts'
import { prepareCluster } from '../../local/cluster/prepare.ts'
import type { Progress } from '../../local/host/progress.ts'
import { execInNode, pathIn } from '../../local/node/node.ts'
import { findTestNodes, type NodeAccess, type TestCluster } from './test-cluster.ts'

const VALUES = join(REPOSITORY, 'e2e', 'cluster', 'values.yaml')

export async function startOnLocalCluster(progress: Progress): Promise<TestCluster> {
  const prepared = await prepareCluster(progress)
  const cluster = await startCluster({ ...prepared, progress })
  return {
    kubeconfig: cluster.plane.kubeconfigPath,
    client: cluster.client,
    nodes: await findTestNodes(cluster.client, (name) => accessTo(cluster, name)),
    values: [VALUES],
    host: cluster.addresses.host,
    guestImage: prepared.guestImage.dir,
    stop: () => cluster.stop(),
  }
}

function accessTo({ nodes }: Cluster, name: string): NodeAccess {
  const node = nodes.get(name)
  if (!node) throw new Error(`no node ${name}`)
  return {
    run: async (argv) => (await execInNode(node, argv, { timeoutMs: 60_000 })).stdout,
    read: (path) => readFile(pathIn(node, path), 'latin1').catch(() => ''),
  }
}
