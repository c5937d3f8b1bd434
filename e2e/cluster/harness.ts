// SPDX-License-Identifier: Apache-2.0
// A cluster with a server of images beside it, and what the tests do in it.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Instance } from '../../lib/api/types.ts'
import { exec } from '../../lib/exec.ts'
import { programPath } from '../../local/build/programs.ts'
import { REPOSITORY } from '../../local/cloud/layout.ts'
import { createProgress, type Progress } from '../../local/host/progress.ts'
import { chooseHere } from '../../local/kind/choice.ts'
import { createImageServer } from '../../local/services/image-server.ts'
import { NAMESPACE } from '../../local/services/tokens.ts'
import { lastBoot, parseMarks, type Mark } from '../harness/marks.ts'
import type { ImageSource } from '../harness/objects.ts'
import { waitUntilTrue } from '../harness/wait.ts'
import { startOnKind } from './on-kind.ts'
import { startOnLocalCluster } from './on-local-cluster.ts'
import type { TestCluster, TestNode } from './test-cluster.ts'

const CHART = join(REPOSITORY, 'charts', 'nephele')
const MINUTE_MS = 60_000

export interface TestEnvironment {
  cluster: TestCluster
  image: ImageSource
  close(): Promise<void>
}

export async function startEnvironment(): Promise<TestEnvironment> {
  const cluster = await startTestCluster(createProgress())
  const server = createImageServer(cluster.guestImage)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, cluster.host, resolve)
  })
  const { port } = server.address() as AddressInfo
  const guest = readFileSync(join(cluster.guestImage, 'guest.qcow2'))
  return {
    cluster,
    image: {
      url: `http://${cluster.host}:${port}/guest.qcow2`,
      sha256: createHash('sha256').update(guest).digest('hex'),
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
      await cluster.stop()
    },
  }
}

/** On kind or on local/cluster: docs/testing.md. */
async function startTestCluster(progress: Progress): Promise<TestCluster> {
  const choice = await chooseHere()
  progress.note(`the cluster lane runs on ${choice.on === 'kind' ? 'kind' : 'local/cluster'}: ${choice.why}`)
  return choice.on === 'kind' ? startOnKind(choice.runtime, progress) : startOnLocalCluster(progress)
}

/** As administrator; resolves to its output. */
export async function kubectl(
  { cluster }: TestEnvironment,
  args: readonly string[],
  timeoutMs = MINUTE_MS,
): Promise<string> {
  const argv = [await programPath('kubectl'), '--kubeconfig', cluster.kubeconfig, ...args] as const
  return (await exec(argv, { timeoutMs })).stdout
}

/** As a user types it. */
export async function installByCommand(test: TestEnvironment): Promise<string> {
  const { kubeconfig, values, host } = test.cluster
  const script = join(REPOSITORY, 'local', 'main.ts')
  const args = ['--kubeconfig', kubeconfig, ...values.flatMap((file) => ['--values', file])]
  const { stdout } = await exec([process.execPath, script, ...args], { timeoutMs: 10 * MINUTE_MS })
  await allowImagesFrom(test, `${host}/32`)
  return stdout
}

/** As an administrator types it: this test's image server is in a private network. The first leader makes the Cloud. */
async function allowImagesFrom(test: TestEnvironment, network: string): Promise<void> {
  const patch = JSON.stringify({ spec: { images: { allowedNetworks: [network] } } })
  const typed = ['patch', 'clouds.nephele.dev', 'default', '--type=merge', '--patch', patch]
  await waitUntilTrue('the Cloud takes the image network', async () => {
    try {
      return /patched/.test(await kubectl(test, typed))
    } catch {
      return false
    }
  })
}

export async function helm({ cluster }: TestEnvironment, args: readonly string[]): Promise<string> {
  const common = ['--kubeconfig', cluster.kubeconfig, '--namespace', NAMESPACE]
  return (await exec([await programPath('helm'), ...args, ...common], { timeoutMs: 5 * MINUTE_MS })).stdout
}

export async function upgrade(test: TestEnvironment, settings: readonly string[]): Promise<void> {
  await helm(test, ['upgrade', 'nephele', CHART, '--reuse-values', ...settings.flatMap((s) => ['--set', s])])
}

/** Returns when every pod of it is of its newest template and ready. */
export async function waitForRollout(test: TestEnvironment, workload: string): Promise<void> {
  await kubectl(test, ['-n', NAMESPACE, 'rollout', 'status', workload, '--timeout=180s'], 4 * MINUTE_MS)
}

export interface Pod {
  name: string
  uid: string
  node: string
}

interface PodObject {
  metadata: Omit<Pod, 'node'>
  spec: { nodeName: string }
  status: { containerStatuses?: ContainerStatus[] }
}

interface ContainerStatus {
  name: string
  restartCount: number
  lastState: { terminated?: { message?: string } }
}

async function listPods(test: TestEnvironment, component: string): Promise<PodObject[]> {
  const selector = `app.kubernetes.io/component=${component}`
  const text = await kubectl(test, ['-n', NAMESPACE, 'get', 'pods', '-l', selector, '-o', 'json'])
  return (JSON.parse(text) as { items: PodObject[] }).items
}

export async function podsOf(test: TestEnvironment, component: string): Promise<Pod[]> {
  const pods = await listPods(test, component)
  return pods.map(({ metadata, spec }) => ({ name: metadata.name, uid: metadata.uid, node: spec.nodeName }))
}

/**
 * What `kubectl describe pod` shows of the last end of a component's container that has started again as often.
 * Of that end's own log the kubelet may already have nothing.
 */
export async function lastWords(
  test: TestEnvironment,
  component: string,
  restarts: number,
): Promise<string | undefined> {
  const pods = await listPods(test, component)
  return pods
    .flatMap(({ status }) => status.containerStatuses ?? [])
    .find(({ name, restartCount }) => name === component && restartCount >= restarts)?.lastState.terminated?.message
}

/** The page of an agent, by the pod that passes it on, at its address on the pod network. */
export async function agentMetrics(test: TestEnvironment, onNode: string): Promise<string> {
  const pod = (await podsOf(test, 'agent-metrics')).find(({ node }) => node === onNode)
  const ip = await kubectl(test, ['-n', NAMESPACE, 'get', 'pod', pod?.name ?? '', '-o', 'jsonpath={.status.podIP}'])
  return nodeOf(test, onNode).run(['curl', '--silent', '--fail', `http://${ip.trim()}:8080/metrics`])
}

function nodeOf({ cluster }: TestEnvironment, name: string | undefined): TestNode {
  const node = cluster.nodes.find((n) => n.name === name)
  if (!node) throw new Error(`no node ${name}`)
  return node
}

export interface HostProcess {
  pid: number
  cgroups: string
}

/** Processes of a node whose command line holds `text`; pids as the node has them. */
export async function findProcesses(node: TestNode, text: string): Promise<HostProcess[]> {
  // pgrep finds nothing: code 1.
  const pids = await node.run(['sh', '-c', 'pgrep -f -- "$1" || [ $? = 1 ]', 'sh', text])
  const found = pids.split('\n').map(async (line) => {
    const pid = Number(line)
    const name = pid > 0 ? (await node.read(`/proc/${pid}/comm`)).trim() : ''
    // The shell and pgrep carry the text too.
    if (['', 'sh', 'pgrep'].includes(name)) return []
    const cgroups = await node.read(`/proc/${pid}/cgroup`)
    return cgroups === '' ? [] : [{ pid, cgroups }]
  })
  return (await Promise.all(found)).flat()
}

/** What makes a running guest itself: its process on the node, and its own kernel's boot id. */
export async function guestIdentity(
  test: TestEnvironment,
  instance: Instance,
): Promise<{ pids: number[]; boots: string[] }> {
  const node = nodeOf(test, instance.status?.node)
  const processes = await findProcesses(node, `guest=nephele-${instance.metadata.uid}`)
  const boots = (await marksOf(node, instance)).filter((m) => m.what === 'boot')
  return { pids: processes.map((p) => p.pid), boots: boots.map((m) => m.rest) }
}

async function marksOf(node: TestNode, instance: Instance): Promise<Mark[]> {
  return parseMarks(await node.read(`/var/lib/nephele/console/${instance.metadata.uid}.log`))
}

export function waitForMark(test: TestEnvironment, instance: Instance, what: string): Promise<Mark[]> {
  const node = nodeOf(test, instance.status?.node)
  return waitUntilTrue(
    `MARK ${what} of ${instance.metadata.name}`,
    async () => {
      const marks = lastBoot(await marksOf(node, instance))
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
export async function natsStreams(test: TestEnvironment): Promise<{ streams: NatsStream[] }> {
  const server = 'nephele-nats-0'
  const ip = await kubectl(test, ['-n', NAMESPACE, 'get', 'pod', server, '-o', 'jsonpath={.status.podIP}'])
  // From its own node, which no NetworkPolicy keeps out.
  const node = nodeOf(test, (await podsOf(test, 'nats')).find((pod) => pod.name === server)?.node)
  const url = `http://${ip}:8222/jsz?acc=APP&streams=true&config=true`
  const answer = JSON.parse(await node.run(['curl', '--silent', '--fail', url])) as {
    account_details?: { stream_detail: NatsStream[] }[]
  }
  return { streams: answer.account_details?.flatMap((account) => account.stream_detail) ?? [] }
}
