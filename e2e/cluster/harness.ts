// SPDX-License-Identifier: Apache-2.0
// A cluster of kubelets with a server of images beside it, and what the tests do in it.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Instance } from '../../lib/api/types.ts'
import { exec } from '../../lib/exec.ts'
import { programPath } from '../../local/build/programs.ts'
import { REPOSITORY } from '../../local/cloud/layout.ts'
import { startCluster, type Cluster } from '../../local/cluster/cluster.ts'
import { prepareCluster } from '../../local/cluster/prepare.ts'
import { createProgress } from '../../local/host/progress.ts'
import { execInNode, pathIn } from '../../local/node/node.ts'
import { createImageServer } from '../../local/services/image-server.ts'
import { NAMESPACE } from '../../local/services/tokens.ts'
import { lastBoot, parseMarks, type Mark } from '../harness/marks.ts'
import type { ImageSource } from '../harness/objects.ts'
import { waitUntilTrue } from '../harness/wait.ts'

const VALUES = join(REPOSITORY, 'e2e', 'cluster', 'values.yaml')
const CHART = join(REPOSITORY, 'charts', 'nephele')
const MINUTE_MS = 60_000

export interface TestCluster {
  cluster: Cluster
  image: ImageSource
  close(): Promise<void>
}

export async function startTestCluster(): Promise<TestCluster> {
  const progress = createProgress()
  const prepared = await prepareCluster(progress)
  const cluster = await startCluster({ ...prepared, progress })
  const server = createImageServer(prepared.guestImage.dir)
  await new Promise<void>((resolve) => server.listen(0, cluster.addresses.host, resolve))
  const { port } = server.address() as AddressInfo
  const guest = readFileSync(join(prepared.guestImage.dir, 'guest.qcow2'))
  return {
    cluster,
    image: {
      url: `http://${cluster.addresses.host}:${port}/guest.qcow2`,
      sha256: createHash('sha256').update(guest).digest('hex'),
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
      await cluster.stop()
    },
  }
}

/** As a user types it. */
export async function installByCommand({ cluster }: TestCluster): Promise<string> {
  const script = join(REPOSITORY, 'local', 'main.ts')
  const args = ['--kubeconfig', cluster.plane.kubeconfigPath, '--values', VALUES]
  const { stdout } = await exec([process.execPath, script, ...args], { timeoutMs: 10 * MINUTE_MS })
  await allowImagesFrom(cluster, `${cluster.addresses.host}/32`)
  return stdout
}

/** As an administrator types it: this test's image server is in a private network. The first leader makes the Cloud. */
async function allowImagesFrom({ plane }: Cluster, network: string): Promise<void> {
  const patch = JSON.stringify({ spec: { images: { allowedNetworks: [network] } } })
  const typed = ['patch', 'clouds.nephele.dev', 'default', '--type=merge', '--patch', patch]
  await waitUntilTrue('the Cloud takes the image network', async () => {
    try {
      return /patched/.test(await plane.kubectl(typed))
    } catch {
      return false
    }
  })
}

export async function helm({ cluster }: TestCluster, args: readonly string[]): Promise<string> {
  const common = ['--kubeconfig', cluster.plane.kubeconfigPath, '--namespace', NAMESPACE]
  return (await exec([await programPath('helm'), ...args, ...common], { timeoutMs: 5 * MINUTE_MS })).stdout
}

export async function upgrade(test: TestCluster, settings: readonly string[]): Promise<void> {
  await helm(test, ['upgrade', 'nephele', CHART, '--reuse-values', ...settings.flatMap((s) => ['--set', s])])
}

/** Returns when every pod of it is of its newest template and ready. */
export async function waitForRollout({ cluster }: TestCluster, workload: string): Promise<void> {
  await cluster.plane.kubectl(['-n', NAMESPACE, 'rollout', 'status', workload, '--timeout=180s'], {
    timeoutMs: 4 * MINUTE_MS,
  })
}

export interface Pod {
  name: string
  uid: string
  node: string
}

export async function podsOf({ cluster }: TestCluster, component: string): Promise<Pod[]> {
  const selector = `app.kubernetes.io/component=${component}`
  const text = await cluster.plane.kubectl(['-n', NAMESPACE, 'get', 'pods', '-l', selector, '-o', 'json'])
  const { items } = JSON.parse(text) as { items: { metadata: Omit<Pod, 'node'>; spec: { nodeName: string } }[] }
  return items.map(({ metadata, spec }) => ({ name: metadata.name, uid: metadata.uid, node: spec.nodeName }))
}

function nodeOf({ cluster }: TestCluster, name: string | undefined) {
  const node = cluster.nodes.get(name ?? '')
  if (!node) throw new Error(`no node ${name}`)
  return node
}

async function inNode(test: TestCluster, name: string | undefined, argv: readonly string[]): Promise<string> {
  return (await execInNode(nodeOf(test, name), argv, { timeoutMs: MINUTE_MS })).stdout
}

export interface HostProcess {
  pid: number
  cgroups: string
}

/** Processes of a node whose command line holds `text`; pids as the node has them. */
export async function findProcesses(test: TestCluster, node: string | undefined, text: string): Promise<HostProcess[]> {
  // pgrep finds nothing: code 1.
  const pids = await inNode(test, node, ['sh', '-c', 'pgrep -f -- "$1" || [ $? = 1 ]', 'sh', text])
  return (
    pids
      .split('\n')
      .map(Number)
      // The shell and pgrep carry the text too.
      .filter((pid) => pid > 0 && !/^(sh|pgrep)$/.test(read(test, node, `/proc/${pid}/comm`).trim()))
      .map((pid) => ({ pid, cgroups: read(test, node, `/proc/${pid}/cgroup`) }))
      .filter(({ cgroups }) => cgroups !== '')
  )
}

function read(test: TestCluster, node: string | undefined, path: string): string {
  try {
    return readFileSync(pathIn(nodeOf(test, node), path), 'latin1')
  } catch {
    return ''
  }
}

/** What makes a running guest itself: its process on the node, and its own kernel's boot id. */
export async function guestIdentity(
  test: TestCluster,
  instance: Instance,
): Promise<{ pids: number[]; boots: string[] }> {
  const processes = await findProcesses(test, instance.status?.node, `guest=nephele-${instance.metadata.uid}`)
  const boots = marksOf(test, instance).filter((m) => m.what === 'boot')
  return { pids: processes.map((p) => p.pid), boots: boots.map((m) => m.rest) }
}

function marksOf(test: TestCluster, instance: Instance): Mark[] {
  const file = `/var/lib/nephele/console/${instance.metadata.uid}.log`
  const path = pathIn(nodeOf(test, instance.status?.node), file)
  return existsSync(path) ? parseMarks(readFileSync(path, 'latin1')) : []
}

export function waitForMark(test: TestCluster, instance: Instance, what: string): Promise<Mark[]> {
  return waitUntilTrue(
    `MARK ${what} of ${instance.metadata.name}`,
    () => {
      const marks = lastBoot(marksOf(test, instance))
      return marks.some((m) => m.what === what) ? marks : undefined
    },
    2 * MINUTE_MS,
  )
}

interface NatsStream {
  name: string
  config: { num_replicas: number }
  cluster: { leader?: string }
}

/** As one server of the bus sees them. https://docs.nats.io/running-a-nats-service/nats_admin/monitoring#jetstream-information-jsz */
export async function natsStreams(test: TestCluster): Promise<{ streams: NatsStream[] }> {
  const address = ['get', 'pod', 'nephele-nats-0', '-o', 'jsonpath={.status.podIP}']
  const ip = await test.cluster.plane.kubectl(['-n', NAMESPACE, ...address])
  const url = `http://${ip}:8222/jsz?acc=APP&streams=true&config=true`
  const answer = JSON.parse(await inNode(test, 'worker-1', ['curl', '--silent', '--fail', url])) as {
    account_details?: { stream_detail: NatsStream[] }[]
  }
  return { streams: answer.account_details?.flatMap((account) => account.stream_detail) ?? [] }
}
