// SPDX-License-Identifier: Apache-2.0
// The lane on kind: kind's own nodes, made for the run and removed after it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildPrograms } from '../../local/cloud/prepare.ts'
import type { Progress } from '../../local/host/progress.ts'
import { deleteKindCluster, ensureKindCluster, type KindCluster } from '../../local/kind/cluster.ts'
import { buildGuestImage } from '../../local/kind/guest-image.ts'
import { readInNode, runInNode } from '../../local/kind/node.ts'
import type { Runtime } from '../../local/kind/runtime.ts'
import { findTestNodes, type NodeAccess, type TestCluster } from './test-cluster.ts'

/** Not that of e2e/kind.ts, which may be in use. */
const CLUSTER = 'nephele-test'

export async function startOnKind(runtime: Runtime, progress: Progress): Promise<TestCluster> {
  await buildPrograms(['kubectl', 'helm'], progress)
  // Containers outlive a run that was killed.
  await deleteKindCluster(CLUSTER, runtime)
  const undo: (() => Promise<unknown>)[] = [() => deleteKindCluster(CLUSTER, runtime)]
  const stop = async () => {
    for (const step of undo.splice(0).toReversed()) await step()
  }
  try {
    const guestImage = await mkdtemp(join(tmpdir(), 'nephele-guest-'))
    undo.push(() => rm(guestImage, { recursive: true }))
    await progress.step('guest image', () => buildGuestImage(runtime, guestImage))
    const cluster = await ensureKindCluster({ name: CLUSTER, runtime, progress })
    undo.push(() => cluster.close())
    const nodes = await findTestNodes(cluster.client, (name) => accessTo(cluster, name))
    const { kubeconfig, client, host } = cluster
    return { kubeconfig, client, nodes, values: [cluster.values], host, guestImage, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function accessTo({ nodes }: KindCluster, name: string): NodeAccess {
  const node = nodes.find((n) => n.name === name)
  if (!node) throw new Error(`no node ${name}`)
  return { run: (argv) => runInNode(node, argv), read: (path) => readInNode(node, path) }
}
