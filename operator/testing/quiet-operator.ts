// SPDX-License-Identifier: Apache-2.0
// All controllers of the operator in memory, run until nothing is left to do, without a clock: retries after a delay never happen, so
// whatever goes on was woken by the change that it waited for. As in the real loop, the status of a wait is written only if the wait lasts:
// here, once nothing else is left to do, and without the loop's extra run before the write. For tests of wake-ups.
import { CLOUD_NAME } from '../../lib/api/kinds.ts'
import type { Inventory, ObservedDocument } from '../../lib/contract/documents.ts'
import { TransientError } from '../../lib/errors.ts'
import { ApiError } from '../../lib/kube/errors.ts'
import { keyOfObject, type KubeObject } from '../../lib/kube/object.ts'
import { keysWokenBy, type ControllerDefinition, type RunResult } from '../../lib/loop/controller.ts'
import type { Informer } from '../../lib/informer/informer.ts'
import { stageOf } from '../../lib/loop/object-writes.ts'
import { readinessOf, resultOfFailure, writeReadiness } from '../../lib/loop/readiness.ts'
import { sameJson } from '../../lib/loop/same-json.ts'
import { SubnetArrivals } from '../ipam/subnet-arrivals.ts'
import { followCaches } from '../leadership/follow-caches.ts'
import { defineControllers } from '../controllers/all.ts'
import type { KindName } from '../kind/row.ts'
import { ClaimedNodes } from '../controllers/common/claimed-nodes.ts'
import { TombstoneCollector } from '../placed/tombstone-collector.ts'
import type { Controllers } from '../leadership/look-again.ts'
import { toReport, wellAnswered, type Answer } from './answers.ts'
import { aroundWrites } from './around-writes.ts'
import { inventoryOf } from './inventory.ts'
import { MemoryCluster, type CacheName } from './memory-cluster.ts'

type Definition = ControllerDefinition<KubeObject>

interface Held {
  cache: CacheName
  object: KubeObject
}

const MOST_RUNS = 5_000
const MOST_PASSES = 10

export class QuietOperator extends MemoryCluster {
  /** How nodes answer; replace it to have them answer late or not at all. */
  answer: Answer = wellAnswered
  /** Others run at the worst moment of each run: between its decision and its write. */
  isInterleaved = false
  /** Runs that failed are tried again: for tests whose failures end by themselves. */
  retriesFailures = false
  /** Called around each write of the operator, to the apiserver and to the bus: what it throws is how that write ends. */
  atWrite: (when: 'before' | 'after') => void = () => undefined
  /** Delayed calls; a test that wants them calls them. */
  readonly later: (() => void)[] = []
  readonly #definitions: Map<KindName, Definition>
  /** `<controller> <key>` */
  readonly #queue = new Set<string>()
  /** Statuses of waiting objects that are not written yet, by `<controller> <key>`. */
  readonly #held = new Map<string, Held>()
  readonly #answered = new Map<string, string>()
  readonly #alive = new Set<string>()
  readonly #inventories = new Map<string, Partial<Inventory>>()
  /** The `<controller> <key>` whose own write is under way: it wakes only others. */
  #writing: string | undefined
  #running: string | undefined

  /**
   * @param before the leader before this one: what is in the apiserver stays
   * @param bus `kept`: what the bus holds, too; `wiped`: nodes say anew what they have
   */
  constructor(before?: QuietOperator, bus: 'kept' | 'wiped' = 'wiped') {
    super(before)
    const { deps, run } = this.world
    aroundWrites(this.world, (when) => this.atWrite(when))
    // There is no clock: every look counts as long after the last Subnet's arrival.
    let lookMs = 0
    const after = (_ms: number, call: () => void) => {
      this.later.push(call)
      return () => undefined
    }
    Object.assign(deps, {
      subnetArrivals: new SubnetArrivals(() => (lookMs += 60_000)),
      claimedNodes: new ClaimedNodes({ nowMs: () => 0, after }),
    })
    const informers = this.informers()
    this.#definitions = new Map(defineControllers(deps, informers, {}))
    const collector = new TombstoneCollector(deps, run.log)
    for (const [name, definition] of this.#definitions) this.#watch(name, definition, Object.values(informers))
    const controllers = Object.fromEntries(
      [...this.#definitions].map(([name, definition]) => [name, this.#controllerOf(name, definition)]),
    ) as unknown as Controllers
    followCaches(deps, informers, collector)
    for (const [name, { sources = [] }] of this.#definitions)
      for (const subscribe of sources) subscribe(controllers[name])
    if (!before) this.create('clouds', { name: CLOUD_NAME }, {})
    else {
      if (bus === 'kept') this.#readBusOf(before)
      this.#hearFrom(before)
    }
  }

  /** `<controller> <key>` of everything still to run. */
  get queued(): string[] {
    return [...this.#queue]
  }

  /** Adds a Kubernetes Node with its agent. */
  addNode(name: string, labels: Record<string, string>, inventory: Partial<Inventory> = {}): void {
    this.#alive.add(name)
    this.create('nodes', { name }, {}, { labels })
    this.report(name, inventory)
  }

  #readBusOf(before: QuietOperator): void {
    const { bus } = this.world
    // In memory this is done at once.
    for (const document of before.world.bus.desired.documents.values()) void bus.desired.publish(document)
    for (const [key, text] of before.#answered) {
      this.#answered.set(key, text)
      bus.report(JSON.parse(text) as ObservedDocument)
    }
  }

  #hearFrom(before: QuietOperator): void {
    this.answer = before.answer
    this.isInterleaved = before.isInterleaved
    for (const [name, inventory] of before.#inventories) this.report(name, inventory)
    for (const name of before.#alive) this.beat(name)
  }

  /** Publishes the node's inventory. */
  report(name: string, inventory: Partial<Inventory> = {}): void {
    this.#inventories.set(name, inventory)
    const hypervisor = { type: 'QEMU', version: '1', acceleration: 'qemu' as const }
    this.world.bus.publishInventory(inventoryOf(name, { hypervisor, ...inventory }))
  }

  /** Lets time pass until these nodes count as silent, while the others beat. */
  silence(...names: string[]): void {
    const { clock, bus } = this.world
    for (const name of names) this.#alive.delete(name)
    for (let beats = 0; beats < 6; beats++) {
      clock.ms += 10_000
      for (const name of this.#alive) bus.heartbeats.beat(name, 'boot-0001')
      bus.heartbeats.tick()
    }
  }

  beat(name: string): void {
    this.#alive.add(name)
    this.world.bus.heartbeats.beat(name, 'boot-0001')
  }

  /**
   * Runs until nothing is queued and every node has answered.
   * @param isLong false: waits have not lasted long enough to be written
   */
  async rest(isLong = true): Promise<void> {
    for (let runs = 0; runs < MOST_RUNS; runs++) {
      if ((await this.#workOne()) || this.#beatOne() || this.#answerOne()) continue
      if (!isLong || !this.#writeOneHeld()) return
    }
    throw new Error(`no rest: ${[...this.#queue].slice(0, 5).join(', ')}`)
  }

  async #workOne(): Promise<boolean> {
    const next = [...this.#queue].find((id) => id !== this.#running)
    if (next === undefined) return false
    this.#queue.delete(next)
    const [name = '', key = ''] = next.split(' ')
    await this.#work(name as KindName, key)
    return true
  }

  /** All others run between this one's decision and its write: one that it woke too early sees nothing new. */
  async #letOthersRun(id: string): Promise<void> {
    if (!this.isInterleaved || this.#running !== undefined) return
    this.#running = id
    while (await this.#workOne());
    this.#running = undefined
  }

  #beatOne(): boolean {
    const { heartbeats } = this.world.bus
    const nodes = this.world.deps.caches.computeNodes.list().filter(({ spec }) => spec.lost === undefined)
    const expected = nodes.map(({ metadata }) => metadata.name)
    const node = expected.find((name) => this.#alive.has(name) && heartbeats.pulse(name) === 'unknown')
    if (node !== undefined) this.beat(node)
    return node !== undefined
  }

  #answerOne(): boolean {
    for (const [key, document] of this.world.bus.desired.documents) {
      const said = this.answer(document)
      if (!said) continue
      const report = toReport(document, said)
      const text = JSON.stringify(report)
      if (this.#answered.get(key) === text) continue
      this.#answered.set(key, text)
      this.world.bus.report(report)
      return true
    }
    return false
  }

  #watch(name: KindName, definition: Definition, informers: readonly Informer[]): void {
    informers
      .find(({ kind }) => kind === definition.kind)
      ?.onChange(({ old, object }) => {
        const present = object ?? old
        if (!present) return
        const key = keyOfObject(present)
        if (old && old.metadata.uid !== object?.metadata.uid) definition.forget?.(key, old)
        if (object && this.#writing !== `${name} ${key}`) this.#enqueue(name, key)
      })
    for (const watch of definition.watches ?? [])
      watch.source.onChange((change) => {
        for (const key of keysWokenBy(watch, change)) this.#enqueue(name, key)
      })
  }

  #enqueue(name: KindName, key: string, afterMs = 0): void {
    if (afterMs <= 0) this.#queue.add(`${name} ${key}`)
  }

  #controllerOf(name: KindName, { kind }: Definition) {
    const store = this.world.stores[this.cacheOf(kind)]
    return {
      enqueue: (key: string, afterMs = 0) => this.#enqueue(name, key, afterMs),
      enqueueUid: (uid: string) => {
        const object = store.findByUid(uid)
        if (object) this.#enqueue(name, keyOfObject(object))
      },
      enqueueAll: () => {
        for (const key of store.keys()) this.#enqueue(name, key)
      },
    }
  }

  async #work(name: KindName, key: string): Promise<void> {
    const definition = this.#definitions.get(name)
    if (!definition) throw new Error(`no controller ${name}`)
    try {
      for (let pass = 0; pass < MOST_PASSES; pass++) if (!(await this.#pass(name, definition, key))) return
    } catch (error) {
      if (!this.retriesFailures || !(error instanceof TransientError)) throw error
      this.#enqueue(name, key)
      return
    }
    throw new Error(`${name} ${key} decides something new for ever`)
  }

  /** As ControlLoop does it. @returns whether it runs again at once */
  async #pass(name: KindName, definition: Definition, key: string): Promise<boolean> {
    const cache = this.cacheOf(definition.kind)
    const store = this.world.stores[cache]
    const cached = this.#withFinalizer(`${name} ${key}`, cache, definition, store.findByKey(key))
    if (!cached) return false
    const object = structuredClone(cached)
    const result = await this.#reconcile(definition, object, key)
    await this.#letOthersRun(`${name} ${key}`)
    if (!result) return false
    if (result.kind === 'transient' && this.retriesFailures) this.#enqueue(name, key)
    if (result.kind === 'outcome' && result.outcome.kind === 'released' && definition.finalizer) {
      const rest = (cached.metadata.finalizers ?? []).filter((f) => f !== definition.finalizer)
      this.atWrite('before')
      this.setFinalizers(cache, key, rest)
      this.atWrite('after')
      return false
    }
    if (definition.conditions !== 'none') {
      const readiness = definition.readiness?.(object, result) ?? readinessOf(object, result)
      writeReadiness(object, readiness, this.world.run.now)
    }
    // Changed during the run: a conflict, and the change has queued the object again.
    if (store.findByKey(key)?.metadata.resourceVersion !== cached.metadata.resourceVersion) return false
    const id = `${name} ${key}`
    const isChanged = !sameJson(cached.status, object.status)
    if (isChanged && stageOf(result) !== undefined) {
      this.#held.set(id, { cache, object })
      return false
    }
    this.#held.delete(id)
    if (isChanged) this.#writeAs(id, cache, object)
    return result.kind === 'outcome' && result.outcome.kind === 'saved'
  }

  /** Writes one status whose wait has lasted; if the object changed meanwhile, that has queued it again. */
  #writeOneHeld(): boolean {
    for (const [id, { cache, object }] of this.#held) {
      this.#held.delete(id)
      const now = this.world.stores[cache].findByKey(keyOfObject(object))
      if (now?.metadata.resourceVersion !== object.metadata.resourceVersion) continue
      try {
        this.#writeAs(id, cache, object)
      } catch (error) {
        if (!this.retriesFailures || !(error instanceof TransientError)) throw error
        this.#queue.add(id)
      }
      return true
    }
    return false
  }

  #withFinalizer(id: string, cache: CacheName, { finalizer }: Definition, object: KubeObject | undefined) {
    if (!object || !finalizer) return object
    const { finalizers = [], deletionTimestamp } = object.metadata
    if (finalizers.includes(finalizer)) return object
    if (deletionTimestamp !== undefined) return undefined
    const metadata = { ...object.metadata, finalizers: [...finalizers, finalizer] }
    this.#writeAs(id, cache, { ...object, metadata })
    return this.find(cache, object.metadata)
  }

  async #reconcile(definition: Definition, object: KubeObject, key: string): Promise<RunResult | undefined> {
    try {
      return { kind: 'outcome', outcome: await definition.reconcile(object, { ...this.world.run, key }) }
    } catch (error) {
      if (error instanceof ApiError && error.code === 409) return undefined
      return resultOfFailure(definition, object, error, 1)
    }
  }

  #writeAs(id: string, cache: CacheName, object: KubeObject): void {
    this.atWrite('before')
    this.#writing = id
    try {
      this.store(cache, object)
    } finally {
      this.#writing = undefined
    }
    this.atWrite('after')
  }
}
