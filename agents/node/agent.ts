// SPDX-License-Identifier: Apache-2.0
// The agent as a whole: disk, runtime, roles, and the bus when it is reachable.
import { join } from 'node:path'
import type { NodeSpec } from '../../lib/contract/documents.ts'
import { inboxPrefix } from '../../lib/contract/subjects.ts'
import type { Logger } from '../../lib/log.ts'
import { systemClock } from '../../lib/time/clock.ts'
import { within } from '../../lib/within.ts'
import { AgentMetrics } from '../metrics/agent-metrics.ts'
import { serveMetrics, type MetricsServer } from '../metrics/metrics-socket.ts'
import { connectBus, watchConnection, type NatsConnection } from '../../lib/nats/connect.ts'
import { IMAGE_PORT } from '../../lib/contract/documents.ts'
import { ImageServer } from '../transfer/image-server.ts'
import { DocumentStore } from '../runtime/document-store.ts'
import { NodeRuntime } from '../runtime/node-runtime.ts'
import { consumerFor, receiveDocuments } from '../runtime/receiver.ts'
import type { DocumentRef } from '../runtime/reconciler.ts'
import { Reporter } from '../runtime/reporter.ts'
import { readBootId } from './boot-id.ts'
import { BusOutbox } from './bus-outbox.ts'
import type { AgentConfig } from './config.ts'
import { beatUntilStopped, DEFAULT_BEAT_MS } from './heartbeat.ts'
import { NodeIdentity } from './identity.ts'
import { NbdIdentity } from './nbd-identity.ts'
import { InventoryPublisher } from './inventory.ts'
import { Pace } from './pace.ts'
import { SealingKey } from './sealing-key.ts'
import { NodeReconciler, type EnsuredRoles } from './node-reconciler.ts'
import type { AgentRole, RoleContext } from './role.ts'
import { showVitalSigns } from './vital-signs.ts'

export interface AgentOptions {
  config: AgentConfig
  /** The roles that a node's spec asks for, in the order they are made. Roles that it no longer names stay until the agent restarts. */
  rolesOf: (spec: NodeSpec) => readonly string[]
  createRole: (name: string, context: RoleContext) => Promise<AgentRole>
  log: Logger
  /** For tests; otherwise as the cloud says. */
  heartbeatMs?: number
}

const DRAIN_MS = 10_000

export class Agent {
  readonly #options: AgentOptions
  readonly #log: Logger
  readonly #stop = new AbortController()
  readonly #roles: AgentRole[] = []
  readonly #outbox = new BusOutbox()
  readonly #tasks: Promise<void>[] = []
  readonly #pace: Pace
  #runtime: NodeRuntime | undefined
  #reporter: Reporter | undefined
  readonly #metrics: AgentMetrics
  #metricsServer: MetricsServer | undefined
  #imageServer: ImageServer | undefined
  #nc: NatsConnection | undefined
  /** It was told of its roles, and tried to take them up. */
  #knowsRoles = false
  /** What is to be heard once there is a connection. */
  readonly #listeners: ((nc: NatsConnection) => void)[] = []

  constructor(options: AgentOptions) {
    this.#options = options
    this.#log = options.log
    this.#metrics = new AgentMetrics(options.config.version)
    this.#pace = new Pace(options.heartbeatMs ?? DEFAULT_BEAT_MS, systemClock)
  }

  /** Resumes from disk at once, with or without NATS; resolves when it runs. */
  async start(): Promise<void> {
    const { config } = this.#options
    const { node, stateDir } = config
    const bootId = await readBootId(config.bootIdFile)
    const store = await DocumentStore.open(join(stateDir, 'documents'), this.#log)
    const identity = new NodeIdentity(stateDir, node, this.#log)
    const nbd = new NbdIdentity(stateDir, node, this.#log)
    const sealing = new SealingKey(stateDir, node)
    const reporter = new Reporter({ outbox: this.#outbox, log: this.#log })
    const metrics = this.#metrics
    const runtime = new NodeRuntime({
      ...{ node, bootId, store, reporter, log: this.#log },
      onRun: (run) => metrics.ran(run),
    })
    metrics.read({
      load: () => runtime.load(),
      states: () => reporter.countStates(),
      pending: () => reporter.pending,
    })
    metrics.certificates.file('bus-ca', config.natsCaFile)
    metrics.certificates.file('identity', identity.files.certificateFile)
    metrics.certificates.file('nbd-client', nbd.files.client.certificateFile)
    metrics.certificates.file('nbd-server', nbd.files.server.certificateFile)
    const inventory = new InventoryPublisher({
      node,
      bootId,
      storeId: store.storeId,
      agentVersion: config.version,
      address: config.address,
      encapAddress: config.encapAddress,
      stateDir,
      identity,
      nbd,
      sealing,
      outbox: this.#outbox,
      log: this.#log,
      onCollected: (collected) => metrics.inventory(collected),
    })
    const imageServer = new ImageServer({
      ...{ address: config.address, port: IMAGE_PORT, files: nbd.files.server, log: this.#log },
    })
    this.#imageServer = imageServer
    const context: RoleContext = {
      node,
      bootId,
      stateDir,
      runDir: config.runDir,
      address: config.address,
      encapAddress: config.encapAddress,
      identity: identity.files,
      nbd: nbd.files,
      sealing,
      hostSwitch: {},
      imageServer,
      nbdReconnectSeconds: config.nbdReconnectSeconds,
      log: this.#log,
      metrics,
      say: (subject, data) => this.#say(subject, data),
      listen: (subject, heard) => this.#listen(subject, heard),
      inventoryChanged: () => inventory.changed(),
    }
    // With an empty store, nothing counts as an orphan until the node's documents could have arrived.
    let nodeUid = store.list().find(({ document }) => document.kind === 'node')?.document.uid
    let documentsKnown = store.list().length > 0
    const nodeReconciler = new NodeReconciler({
      identity,
      nbd,
      ensureRoles: (spec) => this.#ensureRoles(spec, context, runtime, inventory),
      listOrphans: (changed) => (documentsKnown ? runtime.listOrphans(changed) : undefined),
    })
    await runtime.add(nodeReconciler)
    runtime.start()
    this.#runtime = runtime
    this.#reporter = reporter
    const { signal } = this.#stop
    this.#tasks.push(reporter.run(signal), inventory.run(signal))
    this.#tasks.push(
      this.#attend(bootId, runtime, reporter, inventory, {
        caughtUp: () => {
          if (documentsKnown) return
          documentsKnown = true
          nodeReconciler.wake()
        },
        came: (key) => {
          // The node got a new ComputeNode: reports and inventory that were stored for the old one are not kept, so everything is sent
          // again.
          if (key.kind === 'node' && key.uid !== nodeUid) {
            nodeUid = key.uid
            inventory.repeat()
            reporter.repeatAll()
          }
          nodeReconciler.documentCame(key)
        },
      }),
    )
    if (config.probeDir !== undefined) {
      const isReady = () => this.#outbox.connected && this.#knowsRoles
      this.#tasks.push(showVitalSigns({ folder: config.probeDir, isReady, clock: systemClock, signal, log: this.#log }))
    }
    this.#metricsServer = await serveMetrics(config.metricsSocket, metrics.registry, this.#log)
    this.#log.info({ node, bootId, documents: store.list().length }, 'agent started')
  }

  /** Ends runs in progress and sends the last reports; guests, switches and daemons keep running. */
  async stop(): Promise<void> {
    const deadline = AbortSignal.timeout(DRAIN_MS)
    await atMost(this.#runtime?.stop(), deadline)
    await atMost(Promise.allSettled(this.#roles.map(async (role) => role.stop?.())), deadline)
    await atMost(this.#imageServer?.stop(), deadline)
    await atMost(this.#reporter?.flush(), deadline)
    this.#stop.abort()
    await atMost(Promise.allSettled(this.#tasks), deadline)
    await atMost(this.#nc?.close(), deadline)
    await atMost(this.#metricsServer?.close(), deadline)
    this.#log.info('agent stopped')
  }

  /** Applies the parts of the spec that concern the agent itself. A role that cannot be made does not affect the others. */
  async #ensureRoles(
    spec: NodeSpec,
    context: RoleContext,
    runtime: NodeRuntime,
    inventory: InventoryPublisher,
  ): Promise<EnsuredRoles> {
    const { rolesOf, createRole, heartbeatMs } = this.#options
    if (heartbeatMs === undefined && spec.heartbeatSeconds !== undefined) this.#pace.set(spec.heartbeatSeconds * 1000)
    const failures: unknown[] = []
    for (const name of rolesOf(spec)) {
      if (this.#roles.some((role) => role.name === name)) continue
      try {
        await this.#addRole(await createRole(name, context), runtime, inventory)
      } catch (error) {
        failures.push(error)
      }
    }
    this.#knowsRoles = true
    return { roles: this.#roles, failures }
  }

  async #addRole(role: AgentRole, runtime: NodeRuntime, inventory: InventoryPublisher): Promise<void> {
    this.#roles.push(role)
    for (const source of role.inventory ?? []) inventory.addSource(source)
    for (const reconciler of role.reconcilers) await runtime.add(reconciler)
    this.#log.info({ role: role.name }, 'role taken up')
  }

  /** Everything that needs the bus. Rejects only for a programming error. */
  async #attend(
    bootId: string,
    runtime: NodeRuntime,
    reporter: Reporter,
    inventory: InventoryPublisher,
    documents: { caughtUp: () => void; came: (key: DocumentRef) => void },
  ): Promise<void> {
    const { node } = this.#options.config
    const { signal } = this.#stop
    const told = this.#metrics.bus.connection('agent')
    const nc = await this.#connect()
    if (!nc) return
    told(true)
    this.#nc = nc
    for (const begin of this.#listeners.splice(0)) begin(nc)
    this.#outbox.attach(nc)
    reporter.repeatAll()
    inventory.repeat()
    watchConnection(nc, this.#log, signal, (isConnected) => {
      told(isConnected)
      this.#outbox.connected = isConnected
      if (!isConnected) return
      reporter.repeatAll()
      inventory.repeat()
    })
    const send = (subject: string, data: string) => this.#say(subject, data)
    const beat = beatUntilStopped({ node, bootId, send, pace: this.#pace, load: () => runtime.load() }, signal)
    const receive = receiveDocuments({
      nc,
      getConsumer: consumerFor(nc, node),
      receive: async (key, data) => {
        await runtime.receive(key, data)
        documents.came(key)
      },
      caughtUp: documents.caughtUp,
      log: this.#log,
      signal,
    })
    await Promise.all([beat, receive])
  }

  #say(subject: string, data: string | Uint8Array): void {
    if (this.#outbox.connected) this.#nc?.publish(subject, data)
  }

  #listen(subject: string, heard: (subject: string, data: Uint8Array) => void): void {
    const begin = (nc: NatsConnection): void => {
      nc.subscribe(subject, {
        callback: (error, message) => {
          if (error) this.#log.warn({ err: error, subject }, 'bus refused')
          else heard(message.subject, message.data)
        },
      })
    }
    if (this.#nc) begin(this.#nc)
    else this.#listeners.push(begin)
  }

  async #connect(): Promise<NatsConnection | undefined> {
    const { config } = this.#options
    try {
      return await connectBus({
        address: { servers: config.natsServers, caFile: config.natsCaFile },
        credentials: { tokenFile: config.natsTokenFile },
        name: `agent ${config.node}`,
        inboxPrefix: inboxPrefix(config.node),
        log: this.#log,
        signal: this.#stop.signal,
      })
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#log.error({ err: error }, 'no connection to the bus can be made')
      return undefined
    }
  }
}

/** Whatever the outcome. */
async function atMost(work: Promise<unknown> | undefined, deadline: AbortSignal): Promise<void> {
  if (work) await within(work, { signal: deadline }).catch(() => undefined)
}
