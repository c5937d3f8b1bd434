// SPDX-License-Identifier: Apache-2.0
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Inventory, NodeLoad } from '../../lib/contract/documents.ts'
import { BusMetrics } from '../../lib/metrics/bus-metrics.ts'
import { CertificateMetrics } from '../../lib/metrics/certificate-metrics.ts'
import { registerBuildInfo } from '../../lib/metrics/build-info.ts'
import { CALL_RESULTS, measured } from './measured.ts'

const SECONDS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300]
const GIB = 2 ** 30

export interface EndedRun {
  kind: string
  result: 'done' | 'refused' | 'failed' | 'ended'
  /** Of one that was refused, or failed. */
  reason?: string
  seconds: number
}

/** What is asked for at each scrape: all of this node alone. */
export interface AgentReads {
  load: () => NodeLoad
  /** How many objects are in which state, as they were last reported. */
  states: () => Iterable<{ kind: string; state: string; count: number }>
  /** Reports that the bus has not acknowledged. */
  pending: () => number
}

/** What /metrics of an agent shows. Labels hold kinds, drivers, calls, reasons and the names of pools, never names of users' objects. */
export class AgentMetrics {
  readonly registry = new Registry()
  readonly bus: BusMetrics
  readonly certificates: CertificateMetrics
  readonly #runs = this.#counter('nephele_agent_runs_total', 'Runs of documents by what they came to', [
    'kind',
    'result',
  ])

  readonly #runErrors = this.#counter(
    'nephele_agent_run_errors_total',
    'Runs of documents that failed or were refused, by the reason',
    ['kind', 'reason'],
  )

  readonly #runSeconds = this.#histogram('nephele_agent_run_seconds', 'Duration of a run of a document', ['kind'])
  readonly #calls = this.#counter('nephele_agent_driver_calls_total', 'Calls of drivers, each by what it came to', [
    'driver',
    'call',
    'result',
  ])

  readonly #outcomes = this.#counter(
    'nephele_agent_driver_outcomes_total',
    'Calls of drivers by what they came to: refused is what a user has to mend, aborted what was given up for something newer',
    ['driver', 'result'],
  )

  readonly #callSeconds = this.#histogram('nephele_agent_driver_call_seconds', 'Duration of a call of a driver', [
    'driver',
    'call',
  ])

  readonly #power = this.#counter(
    'nephele_agent_power_changes_total',
    'Changes of the power of machines that were asked of the hypervisor, by what they came to',
    ['action', 'result'],
  )

  readonly #cacheBytes = this.#gauge(
    'nephele_agent_image_cache_bytes',
    'The image cache: used, and the most that it may use; to the GiB, as of the last inventory',
    ['what'],
  )

  readonly #cacheImages = this.#gauge('nephele_agent_image_cache_images', 'Images in the cache', [])
  readonly #poolBytes = this.#gauge(
    'nephele_agent_pool_bytes',
    'A pool of volumes: total, and free on its file system; to the GiB, as of the last inventory',
    ['pool', 'what'],
  )

  readonly #poolHealthy = this.#gauge('nephele_agent_pool_healthy', '0 while a pool of volumes cannot be used', [
    'pool',
  ])

  constructor(version: string) {
    registerBuildInfo(this.registry, 'agent', version)
    this.bus = new BusMetrics(this.registry)
    this.certificates = new CertificateMetrics(this.registry)
  }

  ran({ kind, result, reason, seconds }: EndedRun): void {
    this.#runs.inc({ kind, result })
    this.#runSeconds.observe({ kind }, seconds)
    if (reason !== undefined) this.#runErrors.inc({ kind, reason })
  }

  /** The driver, measured. @param driver names it in labels */
  measure<T extends object>(driver: string, calls: T): T {
    // There before anything fails: an increase from nothing would not be seen, and which calls there will be is not known.
    for (const result of CALL_RESULTS) this.#outcomes.inc({ driver, result }, 0)
    return measured(calls, ({ call, args, result, seconds }) => {
      this.#outcomes.inc({ driver, result })
      this.#calls.inc({ driver, call, result })
      this.#callSeconds.observe({ driver, call }, seconds)
      if (call === 'setPower') this.#power.inc({ action: String(args[1]), result })
    })
  }

  /** Taken from what is collected for the operator anyway. A pool that went is no longer shown. */
  inventory({ imageCache, pools = [] }: Pick<Inventory, 'imageCache' | 'pools'>): void {
    if (imageCache) {
      this.#cacheImages.set(imageCache.images)
      this.#cacheBytes.set({ what: 'used' }, imageCache.usedGiB * GIB)
      this.#cacheBytes.set({ what: 'max' }, imageCache.maxGiB * GIB)
    }
    this.#poolBytes.reset()
    this.#poolHealthy.reset()
    for (const { name: pool, totalGiB, freeGiB, error } of pools) {
      this.#poolBytes.set({ pool, what: 'total' }, totalGiB * GIB)
      this.#poolBytes.set({ pool, what: 'free' }, freeGiB * GIB)
      this.#poolHealthy.set({ pool }, error === undefined ? 1 : 0)
    }
  }

  /** Read at each scrape. */
  switchConnection(isConnected: () => boolean): void {
    new Gauge({
      name: 'nephele_agent_switch_connected',
      help: '1 while the agent is connected to the database of the node’s switch',
      registers: [this.registry],
      collect() {
        this.set(isConnected() ? 1 : 0)
      },
    })
  }

  read({ load, states, pending }: AgentReads): void {
    const { registry } = this
    new Gauge({
      name: 'nephele_agent_queue_depth',
      help: 'Documents that wait for a slot; urgent are deletes and changes of power',
      labelNames: ['priority'],
      registers: [registry],
      collect() {
        const { urgent, waiting } = load()
        this.set({ priority: 'urgent' }, urgent)
        this.set({ priority: 'ordinary' }, waiting)
      },
    })
    new Gauge({
      name: 'nephele_agent_queue_oldest_seconds',
      help: 'How long the document that waits longest for a slot has waited',
      registers: [registry],
      collect() {
        this.set(load().oldestSeconds)
      },
    })
    new Gauge({
      name: 'nephele_agent_long_runs',
      help: 'Runs that wait for the outside world, such as downloads, and have left their slots',
      registers: [registry],
      collect() {
        this.set(load().long)
      },
    })
    new Gauge({
      name: 'nephele_agent_objects',
      help: 'Objects of this node by kind and reported state: guests are of the kind instance',
      labelNames: ['kind', 'state'],
      registers: [registry],
      collect() {
        this.reset()
        for (const { kind, state, count } of states()) this.set({ kind, state }, count)
      },
    })
    new Gauge({
      name: 'nephele_agent_reports_pending',
      help: 'Reports that the bus has not acknowledged yet',
      registers: [registry],
      collect() {
        this.set(pending())
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
