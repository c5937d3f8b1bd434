// SPDX-License-Identifier: Apache-2.0
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { RequestSample } from '../kube/http-client.ts'
import type { ListWatchMetrics } from '../informer/list-watch.ts'
import type { Why } from './object-runs.ts'

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30]
/** A machine takes from a second to as long as its image is large. */
const BUILD_SECONDS = [1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 1800]
/** What is a run's failure in the alerts' sense: a refusal is its user's to mend. */
const FAILURES = ['transient', 'error']
const WRITES = new Set(['create', 'update', 'updateStatus', 'patch', 'apply', 'delete'])

export interface QueueState {
  depth: number
  /** How long the oldest key in the queue has waited; 0 when it is empty. */
  oldestMs: number
}

/** What /metrics shows of the loop. Labels hold kinds, verbs and controllers, never names of objects. */
export class LoopMetrics {
  readonly registry = new Registry()
  readonly #requests = this.#counter('nephele_api_requests_total', 'Requests to the apiserver', [
    'verb',
    'resource',
    'code',
  ])
  readonly #latency = this.#histogram('nephele_api_request_seconds', 'Time to the answer of the apiserver', ['verb'])
  /** What the benchmarks show as `writes`. */
  readonly writes = this.#counter('nephele_api_writes_total', 'Accepted writes to the apiserver', ['verb', 'resource'])
  readonly #runs = this.#counter('nephele_runs_total', 'Reconcile runs by what they came to', ['controller', 'result'])
  readonly #waits = this.#counter('nephele_run_waits_total', 'Reconcile runs that ended with waiting, by the reason', [
    'controller',
    'reason',
  ])

  readonly #errors = this.#counter('nephele_run_errors_total', 'Reconcile runs that failed, by the reason', [
    'controller',
    'reason',
  ])

  readonly runSeconds = this.#histogram('nephele_run_seconds', 'Duration of a reconcile run', ['controller'])
  readonly waitSeconds = this.#histogram('nephele_queue_wait_seconds', 'Time from queued to taken up', ['controller'])
  readonly #watches = this.#counter('nephele_watch_ends_total', 'Watches that ended, by why', ['resource', 'why'])
  readonly #lists = this.#counter('nephele_lists_total', 'Complete lists', ['resource'])
  readonly #events = this.#counter('nephele_watch_events_total', 'Events received', ['resource', 'type'])
  readonly leading = this.#gauge('nephele_leading', '1 while this process leads', [])
  readonly term = this.#gauge('nephele_term', 'The term of the last leadership of this process', [])
  readonly regressed = this.#gauge('nephele_regressed', '1 while nothing is written: the store went back in time', [])
  readonly eventsDropped = this.#counter('nephele_events_dropped_total', 'Kubernetes Events not written', ['why'])

  readonly busExcess = this.#counter('nephele_bus_refused_total', 'Words of nodes beyond their share of the bus', [
    'excess',
  ])

  readonly busUnknown = this.#counter(
    'nephele_bus_unknown_keys_total',
    'Keys among desired documents that are none of ours, each time that they are read',
    [],
  )

  readonly busLogins = this.#counter('nephele_bus_logins_total', 'Logins to the bus by what they came to', ['outcome'])

  readonly networkHealthy = this.#gauge(
    'nephele_network_backend_healthy',
    '1 while OVN takes up what is written, by the reason of the condition NetworkBackendHealthy of the Cloud; of the leader alone',
    ['reason'],
  )

  readonly portsTaken = this.#gauge(
    'nephele_ports_taken',
    'Ports that a node claims in OVN which were requested elsewhere; of the leader alone',
    [],
  )
  readonly buildSeconds = new Histogram({
    name: 'nephele_instance_build_seconds',
    help: 'From the creation of an Instance until it had reached a stage, of those that became ACTIVE for the first time; the stage Active is when they did; of the leader alone',
    labelNames: ['stage'],
    buckets: BUILD_SECONDS,
    registers: [this.registry],
  })

  readonly buildErrors = this.#counter(
    'nephele_instance_build_errors_total',
    'Instances that came to the state ERROR before they had ever been ACTIVE, once for each reason that they had; of the leader alone',
    ['reason'],
  )

  /** Without a label, so that it is there before anything fails: an increase from nothing would not be seen. */
  readonly buildsFailed = this.#counter(
    'nephele_instance_builds_failed_total',
    'Instances that came to the state ERROR before they had ever been ACTIVE, each once, and none for what its user has to mend; of the leader alone',
    [],
  )
  /** By controller. */
  readonly #queues = new Map<string, () => QueueState>()

  constructor() {
    collectDefaultMetrics({ register: this.registry })
    this.buildSeconds.zero({ stage: 'Active' })
    this.#queueGauge('nephele_queue_depth', 'Keys that wait', ({ depth }) => depth)
    this.#queueGauge('nephele_queue_oldest_seconds', 'How long the key that waits longest has waited', (queue) => {
      return queue.oldestMs / 1000
    })
  }

  /** Before its first run: what alerts look at is 0 until it happens. */
  begins(controller: string): void {
    for (const result of FAILURES) this.#runs.inc({ controller, result }, 0)
  }

  /** A run has ended. */
  ran(controller: string, result: string, why?: Why): void {
    this.#runs.inc({ controller, result })
    if (why) (why.isFailure ? this.#errors : this.#waits).inc({ controller, reason: why.reason })
  }

  readonly onRequest = (sample: RequestSample): void => {
    this.#requests.inc({ verb: sample.verb, resource: sample.resource, code: sample.code })
    if (sample.verb !== 'watch') this.#latency.observe({ verb: sample.verb }, sample.durationMs / 1000)
    if (WRITES.has(sample.verb) && sample.code === 200)
      this.writes.inc({ verb: sample.verb, resource: sample.resource })
  }

  readonly listWatch: ListWatchMetrics = {
    listed: (kind) => this.#lists.inc({ resource: kind.plural }),
    watchEnded: (kind, why) => this.#watches.inc({ resource: kind.plural, why }),
    events: (kind, type) => this.#events.inc({ resource: kind.plural, type }),
  }

  /** Read at each scrape. @returns stops it */
  watchQueue(controller: string, read: () => QueueState): () => void {
    this.#queues.set(controller, read)
    return () => {
      if (this.#queues.get(controller) === read) this.#queues.delete(controller)
    }
  }

  /** Read at each scrape, so that nothing has to keep it up to date. */
  cacheSizes(sizes: () => { resource: string; size: number }[]): void {
    new Gauge({
      name: 'nephele_cache_objects',
      help: 'Objects in the caches',
      labelNames: ['resource'],
      registers: [this.registry],
      collect() {
        for (const { resource, size } of sizes()) this.set({ resource }, size)
      },
    })
  }

  /** How long nothing was heard of each watch; read at each scrape. */
  watchAges(ages: () => { resource: string; ageMs: number }[]): void {
    new Gauge({
      name: 'nephele_watch_age_seconds',
      help: 'Since when nothing came by the watch of a resource, neither an event nor an end that was due: a watch proves itself alive every 40 seconds',
      labelNames: ['resource'],
      registers: [this.registry],
      collect() {
        for (const { resource, ageMs } of ages()) this.set({ resource }, ageMs / 1000)
      },
    })
  }

  #queueGauge(name: string, help: string, valueOf: (queue: QueueState) => number): void {
    const queues = this.#queues
    new Gauge({
      name,
      help,
      labelNames: ['controller'],
      registers: [this.registry],
      collect() {
        this.reset()
        for (const [controller, read] of queues) this.set({ controller }, valueOf(read()))
      },
    })
  }

  #counter<L extends string>(name: string, help: string, labelNames: L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] })
  }

  #gauge<L extends string>(name: string, help: string, labelNames: L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] })
  }

  #histogram<L extends string>(name: string, help: string, labelNames: L[]): Histogram<L> {
    return new Histogram({ name, help, labelNames, buckets: SECONDS, registers: [this.registry] })
  }
}
