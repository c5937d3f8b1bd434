// SPDX-License-Identifier: Apache-2.0
// A cluster of kind (e2e/kind.yaml) whose nodes are hosts of Nephele, with this checkout's images in it.
// https://kind.sigs.k8s.io/docs/user/quick-start/
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { NODE, NODE_LABELS } from '../../lib/api/kinds.ts'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { REPOSITORY } from '../cloud/layout.ts'
import type { Progress } from '../host/progress.ts'
import { buildImages } from './images.ts'
import { connectTunnels, installHostServices, runInNode, type KindNode } from './node.ts'
import type { Runtime } from './runtime.ts'

const CONFIG = join(REPOSITORY, 'e2e', 'kind.yaml')
const MINUTE_MS = 60_000

export interface KindClusterOptions {
  name: string
  runtime: Runtime
  progress: Progress
}

export interface KindCluster {
  kubeconfig: string
  client: HttpKubeClient
  /** Those with a role. */
  nodes: readonly KindNode[]
  /** For the chart: nodes with a role are all there are for pods, and which network carries tunnels. */
  values: string
  /** The runtime's host, as nodes reach it. */
  host: string
  /** Ends this process's part: the cluster stays. */
  close(): Promise<void>
}

/** Makes what is missing, so that it can be repeated. */
export async function ensureKindCluster({ name, runtime, progress }: KindClusterOptions): Promise<KindCluster> {
  const kind = kindWith(runtime)
  const folder = await mkdtemp(join(tmpdir(), 'nephele-kind-'))
  const kubeconfig = join(folder, 'kubeconfig')
  await progress.step(`kind create cluster ${name} (${runtime})`, async () => {
    const { stdout } = await kind(['get', 'clusters'])
    if (stdout.split('\n').includes(name)) return
    const create = ['create', 'cluster', '--name', name, '--config', CONFIG, '--kubeconfig', kubeconfig]
    await kind([...create, '--wait', '120s'], 10 * MINUTE_MS)
  })
  await kind(['export', 'kubeconfig', '--name', name, '--kubeconfig', kubeconfig])
  const client = new HttpKubeClient(loadKubeConfig(kubeconfig))
  const nodes = (await client.list<KubeObject>(NODE))
    .filter(({ metadata }) => hasRole(metadata.labels ?? {}))
    .map(({ metadata }): KindNode => ({ name: metadata.name, runtime }))
  const network = await ensureNetwork(runtime, tunnelsOf(name))
  const hosts = nodes.map((node, i) =>
    progress.step(`host services of ${node.name}`, async () => {
      await installHostServices(node, i + 1)
      return connectTunnels(node, network)
    }),
  )
  const load = (archive: string) => kind(['load', 'image-archive', archive, '--name', name], 5 * MINUTE_MS)
  // Side by side: packages wait for the network while images are built.
  const [tunnelNetworks] = await Promise.all([Promise.all(hosts), buildImages(runtime, progress, load)])
  const values = join(folder, 'values.json')
  const settings = {
    isolation: { awayFromNodes: false },
    agent: { tunnelNetwork: tunnelNetworks[0] },
    monitoring: { agents: { enabled: true } },
  }
  await writeFile(values, JSON.stringify(settings))
  const close = async () => {
    await client.close()
    await rm(folder, { recursive: true, force: true })
  }
  return { kubeconfig, client, nodes, values, host: await hostOf(nodes), close }
}

/** Removes the cluster and its network; absent is success. */
export async function deleteKindCluster(name: string, runtime: Runtime): Promise<void> {
  await kindWith(runtime)(['delete', 'cluster', '--name', name], 5 * MINUTE_MS)
  if (await hasNetwork(runtime, tunnelsOf(name)))
    await exec([runtime, 'network', 'rm', tunnelsOf(name)], { timeoutMs: MINUTE_MS })
}

function kindWith(runtime: Runtime) {
  const env = { ...process.env, KIND_EXPERIMENTAL_PROVIDER: runtime }
  return (args: readonly string[], timeoutMs = MINUTE_MS) => exec(['kind', ...args], { timeoutMs, env })
}

const tunnelsOf = (cluster: string): string => `${cluster}-tunnels`

function hasRole(labels: Readonly<Record<string, string>>): boolean {
  const { compute, network, storage, image } = NODE_LABELS
  return [compute, network, storage, image].some((role) => labels[role] !== undefined)
}

async function hasNetwork(runtime: Runtime, network: string): Promise<boolean> {
  const { stdout } = await exec([runtime, 'network', 'ls', '--format', '{{.Name}}'], { timeoutMs: MINUTE_MS })
  return stdout.split('\n').includes(network)
}

/** Internal: the nodes' way out stays that of kind's own network. */
async function ensureNetwork(runtime: Runtime, network: string): Promise<string> {
  if (!(await hasNetwork(runtime, network)))
    await exec([runtime, 'network', 'create', '--internal', network], { timeoutMs: MINUTE_MS })
  return network
}

async function hostOf([node]: readonly KindNode[]): Promise<string> {
  if (!node) throw new Error(`no node of the cluster has a role: labels of ${CONFIG}`)
  const routes = JSON.parse(await runInNode(node, ['ip', '-json', 'route', 'show', 'default'])) as {
    gateway?: string
  }[]
  const gateway = routes.find((route) => route.gateway !== undefined)?.gateway
  if (gateway === undefined) throw new Error(`node ${node.name} has no default route, and so no way to this machine`)
  return gateway
}
