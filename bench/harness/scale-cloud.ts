// SPDX-License-Identifier: Apache-2.0
// A cloud of many nodes on one machine: etcd, kube-apiserver, NATS and the operator are real processes, with the chart's accounts and
// policies; the nodes' agents are fake (fake-agent.ts). Where machines have networks, OVN's northbound database is a real one, without
// northd behind it.
import { jetstreamManager } from '@nats-io/jetstream'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CLOUD, CLOUD_NAME, COMPUTE_NODE, NODE, NODE_LABELS } from '../../lib/api/kinds.ts'
import type { Cloud, ComputeNode, KubeNode } from '../../lib/api/types.ts'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import { TestServer } from '../../lib/nats/test-server.ts'
import { until } from '../../lib/time/until.ts'
import { createApi, type Api } from '../../local/control-plane/api.ts'
import { startControlPlane, type ControlPlane } from '../../local/control-plane/start.ts'
import { installChart } from '../../local/cloud/install.ts'
import { waitForAdmission } from '../../local/cloud/admission.ts'
import { renewToken } from '../../local/services/tokens.ts'
import { FAKE_NODE } from './fake-agent.ts'
import { Fleet } from './fleet.ts'
import { isRunning, startTimeOf, type StartedProcess } from '../../local/host/process.ts'
import { OperatorProcess } from './operator-process.ts'
import { startNorthbound } from './own-northbound.ts'
import { someAtOnce } from '../../lib/some-at-once.ts'
import { Watchdog } from './watchdog.ts'

/** Of Go itself, and so of clusters. */
const GO_DEFAULT = 100
const AT_ONCE = 32
const PATIENCE_MS = 15 * 60_000
const ZONES = 3
const ANSWER_MS = 5_000

export interface ScaleOptions {
  nodes: number
  /** Machines have networks. */
  hasNetwork?: boolean
  auditLog?: boolean
  /** The agents say nothing of machines until `fleet.tell()`. */
  isHeld?: boolean
  heartbeatSeconds?: number
  /** A profile of the operator's CPU is written into the working directory, and the apiserver can be asked for its own. */
  profile?: boolean
  /** The operator writes a snapshot of its heap into the working directory at SNAPSHOT_SIGNAL. */
  snapshot?: boolean
}

export const SNAPSHOT_SIGNAL = 'SIGUSR2'

export interface ScaleCloud {
  plane: ControlPlane
  api: Api
  client: HttpKubeClient
  nats: TestServer
  operator: OperatorProcess
  /** Another one, which stands by. Resolves when it is ready. */
  startOperator: (identity: string) => Promise<OperatorProcess>
  fleet: Fleet
  dir: string
}

const nodeName = (i: number) => `fake-${i}`

/** @throws also as soon as a part of the cloud is gone: what would be measured then is not what was asked for */
export async function withScaleCloud<T>(options: ScaleOptions, use: (cloud: ScaleCloud) => Promise<T>): Promise<T> {
  const ends: (() => Promise<unknown>)[] = []
  const dog = new Watchdog()
  try {
    const work = start(options, dog, (end) => ends.push(end)).then(use)
    const result = await Promise.race([work, dog.failed])
    for (const [name, ms] of dog.slowest) console.log(`${name} answered within ${ms.toFixed(0)} ms each time`)
    return result
  } finally {
    dog.stop()
    for (const end of ends.reverse()) await end()
  }
}

async function start(
  options: ScaleOptions,
  dog: Watchdog,
  atEnd: (end: () => Promise<unknown>) => void,
): Promise<ScaleCloud> {
  const { nodes, hasNetwork = false, auditLog = false, isHeld = false, profile = false, snapshot = false } = options
  const startedAt = performance.now()
  const say = (what: string) => console.log(`${((performance.now() - startedAt) / 1000).toFixed(0)} s: ${what}`)
  const dir = await mkdtemp(join(tmpdir(), 'nephele-bench-'))
  atEnd(() => rm(dir, { recursive: true, force: true }))
  const plane = await startControlPlane({ controllerManager: false, gogc: GO_DEFAULT, auditLog, profiling: profile })
  atEnd(() => plane.stop())
  for (const name of ['etcd', 'apiserver'] as const) dog.watchProcess(name, () => runs(plane.processes[name]))
  const api = createApi(plane.dir, plane.server)
  atEnd(async () => api.close())
  await installChart(api)
  await waitForAdmission(api)
  const client = new HttpKubeClient(loadKubeConfig(plane.kubeconfigPath))
  atEnd(() => client.close())
  if (options.heartbeatSeconds !== undefined) await setHeartbeat(client, options.heartbeatSeconds)
  const nats = await TestServer.start()
  atEnd(() => nats[Symbol.asyncDispose]())
  dog.watchProcess('NATS', () => startTimeOf(nats.pid ?? 0) !== undefined)
  const jsm = await jetstreamManager(await nats.connectOperator(), { timeout: ANSWER_MS, checkAPI: false })
  dog.watchAnswers('NATS', () => jsm.getAccountInfo())
  const northbound = hasNetwork ? await startNorthbound() : undefined
  if (northbound) atEnd(() => northbound.stop())
  const flags = [
    ...(profile ? ['--cpu-prof', `--cpu-prof-dir=${process.cwd()}`] : []),
    ...(snapshot ? [`--heapsnapshot-signal=${SNAPSHOT_SIGNAL}`] : []),
  ]
  const startOperator = async (identity: string): Promise<OperatorProcess> => {
    const options = { dir, plane, api, nats, northbound: northbound?.socket, flags, identity }
    const started = await OperatorProcess.start(options)
    atEnd(() => started.stop())
    dog.watchProcess(
      `the operator ${identity}`,
      () => !started.hasFailed,
      () => started.logTail(),
    )
    return started
  }
  const operator = await startOperator('bench')
  const names = Array.from({ length: nodes }, (_, i) => nodeName(i))
  const tokenDir = join(dir, 'tokens')
  await mkdir(tokenDir)
  await someAtOnce(names, AT_ONCE, (name) => makeNode(client, api, name, tokenDir))
  say(`${nodes} nodes`)
  await until(async () => (await client.list(COMPUTE_NODE)).length === nodes, 'ComputeNodes', PATIENCE_MS, 1000)
  const fleet = await Fleet.start(dir, { nodes: names, tokenDir, address: nats.address, isHeld })
  atEnd(() => fleet.stop())
  dog.follow(fleet.failed)
  say('their fake agents are connected')
  await until(() => areUp(client, nodes), 'all ComputeNodes to be up', PATIENCE_MS, 2000)
  say('all are up')
  return { plane, api, client, nats, operator, startOperator, fleet, dir }
}

/** One that is not started yet, or is started anew, has not ended. */
const runs = (process: StartedProcess | undefined) => process === undefined || isRunning(process)

/** For kube-scheduler, too, a node that takes pods. */
async function makeNode(client: HttpKubeClient, api: Api, name: string, tokenDir: string): Promise<void> {
  const i = Number(/\d+$/.exec(name)?.[0])
  const labels = {
    [NODE_LABELS.compute]: 'fake',
    [NODE_LABELS.zone]: `zone-${i % ZONES}`,
    'kubernetes.io/hostname': name,
    ...(i === 0 ? { [NODE_LABELS.image]: 'true' } : {}),
  }
  const node = await client.create<KubeNode>(NODE, { metadata: { name, labels } })
  const resources = { cpu: `${FAKE_NODE.cpus}`, memory: `${FAKE_NODE.memoryMiB}Mi`, pods: '250' }
  const conditions = [{ type: 'Ready', status: 'True', reason: 'Fake', message: 'there is no kubelet' }]
  const status = { capacity: resources, allocatable: resources, conditions }
  await api.request('PATCH', `/api/v1/nodes/${name}/status`, { status }, 'application/merge-patch+json')
  // Admission taints each new Node; a controller, of which there is none here, would take that off a ready one.
  await client.mergePatch(NODE, { name }, { spec: { taints: null } })
  const { uid } = node.metadata
  const path = join(tokenDir, name)
  await renewToken(api, { serviceAccount: 'nephele-agent', audience: 'nephele-nats', node: { name, uid }, path })
}

/** Are all of them heard and set up? */
export async function areUp(client: HttpKubeClient, nodes: number): Promise<boolean> {
  const all = await client.list<ComputeNode>(COMPUTE_NODE)
  return (
    all.filter(({ status }) => status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True')).length ===
    nodes
  )
}

async function setHeartbeat(client: HttpKubeClient, intervalSeconds: number): Promise<void> {
  await client.create<Cloud>(CLOUD, { metadata: { name: CLOUD_NAME }, spec: { heartbeat: { intervalSeconds } } })
}
