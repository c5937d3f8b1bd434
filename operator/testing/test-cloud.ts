// SPDX-License-Identifier: Apache-2.0
// The operator on a real etcd, kube-apiserver and NATS, with agents whose roles are fake. For integration tests.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Agent } from '../../agents/node/agent.ts'
import { renderHeldFromTheStart } from '../../charts/suite/render.ts'
import * as kinds from '../../lib/api/kinds.ts'
import type { Cloud, KubeNode } from '../../lib/api/types.ts'
import type { KubeClient, NewObject } from '../../lib/kube/client.ts'
import { HttpKubeClient, type RequestSample } from '../../lib/kube/http-client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import type { KubeObject, ObjectRef, ResourceKind } from '../../lib/kube/object.ts'
import { createLogger } from '../../lib/log.ts'
import { EventRecorder } from '../../lib/loop/events.ts'
import { LoopMetrics } from '../../lib/loop/metrics.ts'
import { until } from '../../lib/time/until.ts'
import type { NatsConnection } from '../../lib/nats/connect.ts'
import { TestServer } from '../../lib/nats/test-server.ts'
import { createAuthority, loadAuthority } from '../../lib/pki/authority.ts'
import { startControlPlane, type ControlPlane } from '../../local/control-plane/start.ts'
import { serveCallOut } from '../auth/call-out.ts'
import { AGENT_USERNAME, type TokenReview } from '../auth/token-review.ts'
import { JetStreamBus } from '../bus/jetstream-bus.ts'
import { candidacy, watchStore } from '../leadership/candidate.ts'
import { lead } from '../leadership/leadership.ts'
import { FakeNode, startFakeAgent } from './fake-agent.ts'
import { chooseSeed, Temper } from './temper.ts'
import { MemoryNetwork, MemoryRows } from './memory-network.ts'

const log = createLogger('operator', process.env['TEST_LOG'] ?? 'silent')

export interface RunningOperator {
  samples: RequestSample[]
  /** Ends at once as if killed: nothing is drained, and the Lease runs out by itself. */
  kill(): Promise<void>
  stop(): Promise<void>
}

export class TestCloud {
  readonly client: HttpKubeClient
  readonly rows = new MemoryRows()
  readonly nodes = new Map<string, FakeNode>()
  /** The seed of agents' delays and failures; NEPHELE_TEST_SEED repeats one. */
  readonly seed: number
  readonly nats: TestServer
  readonly #plane: ControlPlane
  readonly #dir: string
  readonly #agents = new Map<string, Agent>()
  readonly #operators = new Set<RunningOperator>()
  readonly #authority = makeAuthority()
  #nc: NatsConnection | undefined
  #generation = 0

  private constructor(plane: ControlPlane, nats: TestServer, dir: string, seed: number) {
    this.seed = seed
    this.#plane = plane
    this.nats = nats
    this.#dir = dir
    this.client = new HttpKubeClient(loadKubeConfig(plane.kubeconfigPath))
  }

  /** During `run`, agents do everything completely, at once or after `slowMs`, and without failures: for tests that count writes. */
  async whileCalm<T>(run: () => Promise<T>, slowMs = 0): Promise<T> {
    const before = [...this.nodes.values()].map((node) => [node, node.temper] as const)
    for (const [node] of before) node.temper = new Temper(0, node.name, slowMs)
    try {
      return await run()
    } finally {
      for (const [node, temper] of before) node.temper = temper
    }
  }

  /** @param seed 0: agents do everything at once, for tests that count writes */
  static async start(seed = chooseSeed()): Promise<TestCloud> {
    const [plane, nats, dir] = await Promise.all([
      startControlPlane({ controllerManager: false }),
      TestServer.start(),
      mkdtemp(join(tmpdir(), 'nephele-operator-')),
    ])
    const cloud = new TestCloud(plane, nats, dir, seed)
    await plane.kubectl(['apply', '-f', join(import.meta.dirname, '..', '..', 'crds')], { timeoutMs: 60_000 })
    await plane.kubectl(['wait', '--for=condition=Established', 'crd', '-l', 'app.kubernetes.io/part-of=nephele'], {
      timeoutMs: 60_000,
    })
    await cloud.create(kinds.NAMESPACE, { metadata: { name: 'nephele-system' } })
    // A silent node is down after 2 s; the fake agents beat twice a second.
    const heartbeat = { intervalSeconds: 1, missesBeforeDown: 2 }
    await cloud.create<Cloud>(kinds.CLOUD, { metadata: { name: kinds.CLOUD_NAME }, spec: { heartbeat } })
    serveCallOut(await nats.connectCallOut(), {
      ...{ issuerSeed: nats.issuer.seed, createTokenReview: reviewNodeName, log },
      mayWatch: async ({ username }) => username === SUBSCRIBER,
    })
    return cloud
  }

  /** From here on the apiserver adds the operator's finalizer to objects when they are created, as with that option of the chart. */
  async holdFromTheStart(): Promise<void> {
    await this.#plane.kubectl(['apply', '--server-side', '-f', '-'], { input: await renderHeldFromTheStart() })
    const { group, version, kind } = kinds.NETWORK
    const probe = {
      apiVersion: `${group}/${version}`,
      kind,
      metadata: { namespace: 'default', name: 'probe' },
      spec: {},
    }
    const create = ['create', '--dry-run=server', '-o', 'jsonpath={.metadata.finalizers}', '-f', '-']
    // A policy takes effect a moment after it is written.
    await until(
      async () => (await this.#plane.kubectl(create, { input: JSON.stringify(probe) })).includes(kinds.FINALIZER),
      'the policy to take effect',
      20_000,
    )
  }

  /** A Node object with labels of roles, and a fake agent for it. */
  async addNode(name: string, labels: Record<string, string>): Promise<FakeNode> {
    await this.create<KubeNode>(kinds.NODE, { metadata: { name, labels } })
    const node = new FakeNode(name, this.seed)
    this.nodes.set(name, node)
    await this.startAgent(name)
    return node
  }

  async startAgent(name: string): Promise<void> {
    const node = this.nodes.get(name)
    if (!node) throw new Error(`no node ${name}`)
    const { servers, caFile } = this.nats.address
    const agent = await startFakeAgent({ node, dir: join(this.#dir, name), natsServers: servers, natsCaFile: caFile })
    this.#agents.set(name, agent)
  }

  async stopAgent(name: string): Promise<void> {
    await this.#agents.get(name)?.stop()
    this.#agents.delete(name)
  }

  /**
   * @param wrap wraps the operator's client, to inject faults
   * @param leaseMs short, so that the next leader need not wait long, but long enough for a busy machine
   */
  async startOperator(
    wrap: (client: HttpKubeClient, kill: () => void) => KubeClient = (client) => client,
    leaseMs = 3000,
  ): Promise<RunningOperator> {
    const metrics = new LoopMetrics()
    const samples: RequestSample[] = []
    const plain = new HttpKubeClient(loadKubeConfig(this.#plane.kubeconfigPath), {
      onRequest: (sample) => {
        samples.push(sample)
        metrics.onRequest(sample)
      },
    })
    const stop = new AbortController()
    const client = wrap(plain, () => stop.abort())
    const { informers, watched, history } = watchStore({ client, log, metrics: metrics.listWatch })
    const identity = `operator-${++this.#generation}`
    const events = new EventRecorder({ client: plain, log, controller: 'nephele.dev/operator', instance: identity })
    await informers.start(stop.signal)
    const authority = await this.#authority
    this.#nc ??= await this.nats.connectOperator()
    const nc = this.#nc
    const lease = { namespace: 'nephele-system', name: 'nephele-operator' }
    const ended = candidacy(watched, { client: plain, lease, identity, log, durationMs: leaseMs }).run(
      stop.signal,
      (fence) =>
        lead(fence, {
          client,
          namespace: lease.namespace,
          informers,
          watched,
          events,
          metrics,
          log,
          history,
          settings: {},
          authority,
          makeBus: (writer, heartbeat) => new JetStreamBus({ nc, writer, log, heartbeat }),
          makeNetwork: () => new MemoryNetwork(this.rows),
        }),
    )
    const operator: RunningOperator = {
      samples,
      stop: async () => {
        stop.abort()
        await ended
        await events.close()
        await plain.close()
        this.#operators.delete(operator)
      },
      kill: async () => operator.stop(),
    }
    this.#operators.add(operator)
    return operator
  }

  create<T extends KubeObject>(kind: ResourceKind, object: NewObject<T>): Promise<T> {
    return this.client.create<T>(kind, object)
  }

  /** One who may hear notifications, and nothing else. */
  async connectSubscriber(): Promise<NatsConnection> {
    const token = join(this.#dir, 'subscriber-token')
    await writeFile(token, SUBSCRIBER)
    return this.nats.connectWithTokenFile(token, 'subscriber', '_INBOX_subscriber')
  }

  /** Takes a named backup of etcd. */
  saveStore(name: string): Promise<void> {
    return this.#plane.copyStore(join(this.#dir, name))
  }

  /** etcd is lost and comes back from a backup. */
  async restoreStore(name: string): Promise<void> {
    await this.#plane.replaceStore(join(this.#dir, name))
  }

  /** Runs kubectl as an administrator; resolves to its output. */
  kubectl(args: readonly string[], options?: { input?: string }): Promise<string> {
    return this.#plane.kubectl(args, options)
  }

  /** Of an administrator. */
  get kubeconfigPath(): string {
    return this.#plane.kubeconfigPath
  }

  /** Polls the apiserver until `test` is true for the object; the error shows its last state. */
  async until<T extends KubeObject>(
    kind: ResourceKind,
    ref: ObjectRef,
    test: (object: T | undefined) => boolean,
    timeoutMs = 20_000,
  ): Promise<T | undefined> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const object = await this.client.find<T>(kind, ref)
      if (test(object)) return object
      if (performance.now() > deadline)
        throw new Error(
          `${kind.kind} ${ref.name} (NEPHELE_TEST_SEED=${this.seed}) is still ${JSON.stringify(object?.status ?? object?.metadata ?? null)}`,
        )
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async stop(): Promise<void> {
    for (const operator of [...this.#operators]) await operator.stop()
    for (const name of [...this.#agents.keys()]) await this.stopAgent(name)
    await this.client.close()
    await this.nats[Symbol.asyncDispose]()
    await this.#plane.stop()
    await rm(this.#dir, { recursive: true, force: true })
  }
}

const SUBSCRIBER = 'team-watcher'

/** Here a token is a node's name, or the subscriber's, and this stands in for the apiserver's TokenReview. */
async function reviewNodeName({ spec }: TokenReview): Promise<unknown> {
  if (spec.token === SUBSCRIBER)
    return { status: { authenticated: true, audiences: spec.audiences, user: { username: SUBSCRIBER, groups: [] } } }
  const user = { username: AGENT_USERNAME, extra: { 'authentication.kubernetes.io/node-name': [spec.token] } }
  return { status: { authenticated: true, audiences: spec.audiences, user } }
}

async function makeAuthority() {
  const files = await createAuthority('test authority', 1, new Date())
  return { authority: await loadAuthority(files), authorityPem: files.certificate }
}
