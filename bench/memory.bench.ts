// SPDX-License-Identifier: Apache-2.0
// The operator with 10,000 fake Instances and 10,000 Ports in seven namespaces on a real etcd and kube-apiserver; its bus and logical
// network are in memory and empty, since the objects wait for a Flavor and a Network that do not exist. Against client-node's ListWatch
// on the same data, each in a process of its own.
import { build } from 'esbuild'
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitForObject } from '../e2e/harness/wait.ts'
import { INSTANCE, NAMESPACE } from '../lib/api/kinds.ts'
import type { Instance } from '../lib/api/types.ts'
import type { KubeClient } from '../lib/kube/client.ts'
import { HttpKubeClient } from '../lib/kube/http-client.ts'
import { loadKubeConfig } from '../lib/kube/kubeconfig.ts'
import { startControlPlane, type ControlPlane } from '../local/control-plane/start.ts'
import { toFigure, type Figure } from './figure.ts'
import { findOption } from './harness/arguments.ts'
import type { Report } from './harness/cache-process.ts'
import { makeNamespaces, nameOf, namespaceOf, populate } from './harness/population.ts'

export const about =
  'heap, memory, CPU of a change, resync and cold start of the operator at 10,000 Instances and 10,000 Ports'

const FEW = 100
const WARM_UP = 100
const QUIET_MS = 4000

/** @param args --objects N of each kind (10000), --changes N (400) */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const many = findOption(args, 'objects', 10_000)
  const changes = findOption(args, 'changes', 400)
  const dir = await mkdtemp(join(tmpdir(), 'nephele-bench-'))
  const plane = await startControlPlane({ controllerManager: false })
  try {
    const bench = await prepare(plane, dir)
    await populate(bench.client, 0, FEW)
    const few = await withOperator(bench, (operator) => measureChanges(bench.client, operator, changes))
    const startedAt = performance.now()
    await populate(bench.client, FEW, many)
    console.log(`${many} objects of each kind after ${((performance.now() - startedAt) / 1000).toFixed(0)} s`)
    const caches = await measureCaches(bench, 'caches')
    const peer = await measureCaches(bench, 'peer')
    const first = await withOperator(bench, (operator) => operator.ask('memory'))
    const again = await measureColdStart(bench)
    const lots = await withOperator(bench, (operator) => measureChanges(bench.client, operator, changes))
    await bench.client.close()
    console.log(`the first run over all objects wrote ${first.writes} times`)
    return toFigures({ many, changes, few, lots, caches, peer, again })
  } finally {
    await plane.stop()
    await rm(dir, { recursive: true, force: true })
  }
}

interface Bench {
  client: HttpKubeClient
  kubeconfig: string
  script: string
}

async function prepare(plane: ControlPlane, dir: string): Promise<Bench> {
  await plane.kubectl(['apply', '-f', join(import.meta.dirname, '..', 'crds')])
  await plane.kubectl(['wait', '--for=condition=Established', 'crd', '-l', 'app.kubernetes.io/part-of=nephele'])
  const client = new HttpKubeClient(loadKubeConfig(plane.kubeconfigPath))
  await client.create(NAMESPACE, { metadata: { name: 'nephele-system' } })
  await makeNamespaces(client)
  // Bundled as the product is: stripping types at run time has a memory of its own.
  const script = join(dir, 'cache-process.mjs')
  const require =
    "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"
  await build({
    entryPoints: [join(import.meta.dirname, 'harness', 'cache-process.ts')],
    outfile: script,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    banner: { js: require },
    logLevel: 'error',
  })
  return { client, kubeconfig: plane.kubeconfigPath, script }
}

type Mode = 'operator' | 'caches' | 'peer'
type Message = { before: Report } | { synced: Report } | { answer: Report }

class Child {
  readonly #process: ChildProcess
  readonly before: Promise<Report>
  readonly synced: Promise<Report>

  constructor({ script, kubeconfig }: Bench, mode: Mode) {
    this.#process = fork(script, [mode, kubeconfig], { execArgv: ['--expose-gc', '--max-semi-space-size=2'] })
    this.before = this.#message((m) => ('before' in m ? m.before : undefined))
    this.synced = this.#message((m) => ('synced' in m ? m.synced : undefined))
  }

  ask(what: 'memory' | 'cpu'): Promise<Report> {
    const answer = this.#message((m) => ('answer' in m ? m.answer : undefined))
    this.#process.send(what)
    return answer
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.kill('SIGTERM')
    await ended
  }

  #message(read: (message: Message) => Report | undefined): Promise<Report> {
    return new Promise((resolve, reject) => {
      const end = (code: number | null): void => reject(new Error(`the measured process ended with ${code}`))
      const listen = (message: unknown): void => {
        const report = read(message as Message)
        if (!report) return
        this.#process.off('message', listen)
        this.#process.off('exit', end)
        resolve(report)
      }
      this.#process.on('message', listen)
      this.#process.once('exit', end)
    })
  }
}

/** An operator that has nothing left to do. */
async function withOperator<T>(bench: Bench, use: (operator: Child) => Promise<T>): Promise<T> {
  const operator = new Child(bench, 'operator')
  try {
    await operator.before
    await operator.synced
    await untilQuiet(operator)
    return await use(operator)
  } finally {
    await operator.end()
  }
}

/** Nothing written, and next to no CPU used, for a while. */
async function untilQuiet(operator: Child): Promise<Report> {
  for (let before = await operator.ask('cpu'); ;) {
    await sleep(QUIET_MS)
    const now = await operator.ask('cpu')
    if (now.writes === before.writes && now.cpuMs - before.cpuMs < QUIET_MS / 10) return now
    before = now
  }
}

/** CPU of one changed Instance: its generation moves, it is reconciled and its status is written. Idle CPU is taken off. */
async function measureChanges(client: KubeClient, operator: Child, changes: number): Promise<Changes> {
  const { writes: resyncWrites } = await operator.ask('cpu')
  await change(client, WARM_UP)
  await untilQuiet(operator)
  const idleFrom = performance.now()
  const idle = await operator.ask('cpu')
  await sleep(QUIET_MS)
  const before = await operator.ask('cpu')
  const startedAt = performance.now()
  const idleShare = (before.cpuMs - idle.cpuMs) / (startedAt - idleFrom)
  await change(client, changes)
  const after = await untilQuiet(operator)
  if (after.writes === before.writes) throw new Error('the changes were not seen')
  const cpuMs = (after.cpuMs - before.cpuMs - idleShare * (performance.now() - startedAt)) / changes
  return { cpuMs, resyncWrites }
}

interface Changes {
  cpuMs: number
  /** Of this operator's first look at everything. */
  resyncWrites: number
}

async function change(client: KubeClient, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const at = { namespace: namespaceOf(i % FEW), name: nameOf(i % FEW) }
    const { spec } = await client.get<Instance>(INSTANCE, at)
    const restartPolicy = spec.restartPolicy === 'Always' ? 'OnFailure' : 'Always'
    await client.mergePatch<Instance>(INSTANCE, at, { spec: { restartPolicy } })
  }
}

interface Cached {
  heapMiB: number
  rssMiB: number
  cpuMs: number
}

async function measureCaches(bench: Bench, mode: 'caches' | 'peer'): Promise<Cached> {
  const child = new Child(bench, mode)
  try {
    const before = await child.before
    const synced = await child.synced
    const { heapMiB, rssMiB } = await child.ask('memory')
    return { heapMiB: heapMiB - before.heapMiB, rssMiB, cpuMs: synced.cpuMs - before.cpuMs }
  } finally {
    await child.end()
  }
}

/** From the process's start to the first run of an Instance that was made while none ran; every other object is unchanged. */
async function measureColdStart(bench: Bench): Promise<{ seconds: number; rssMiB: number }> {
  const at = { namespace: namespaceOf(0), name: 'newcomer' }
  const spec = { flavorRef: { name: 'absent' }, imageRef: { name: 'debian-13' } }
  await bench.client.create<Instance>(INSTANCE, { metadata: at, spec })
  const startedAt = performance.now()
  const operator = new Child(bench, 'operator')
  try {
    const syncing = operator.synced.then(() => performance.now())
    // Its status says that it waits, which is held back for a second: what comes before the first run is its finalizer.
    const isTaken = (object: Instance | undefined) => (object?.metadata.finalizers ?? []).length > 0
    await waitForObject<Instance>(bench.client, INSTANCE, at, isTaken, { what: 'a finalizer', timeoutMs: 120_000 })
    const seconds = (performance.now() - startedAt) / 1000
    console.log(`cold start: ${(((await syncing) - startedAt) / 1000).toFixed(2)} s until all caches were complete`)
    await untilQuiet(operator)
    const { rssMiB } = await operator.ask('cpu')
    return { seconds, rssMiB }
  } finally {
    await operator.end()
  }
}

interface Measured {
  many: number
  changes: number
  few: Changes
  lots: Changes
  caches: Cached
  peer: Cached
  again: { seconds: number; rssMiB: number }
}

function toFigures({ many, changes, few, lots, caches, peer, again }: Measured): Figure[] {
  const bench = 'memory'
  const name = 'client-node ListWatch'
  const per10k = (mib: number) => mib / ((2 * many) / 10_000)
  const heap = per10k(caches.heapMiB)
  return [
    toFigure({
      bench,
      metric: 'heap of 10,000 cached objects',
      value: heap,
      unit: 'MiB',
      n: 2 * many,
      peer: { name, value: per10k(peer.heapMiB) },
      target: { text: '≤ 20 MiB', pass: heap <= 20 },
    }),
    toFigure({
      bench,
      metric: 'RSS of the operator after a resync',
      value: again.rssMiB,
      unit: 'MiB',
      n: 2 * many,
      target: { text: '≤ 250 MiB', pass: again.rssMiB <= 250 },
    }),
    toFigure({
      bench,
      metric: 'RSS with the caches alone',
      value: caches.rssMiB,
      unit: 'MiB',
      n: 2 * many,
      peer: { name, value: peer.rssMiB },
    }),
    toFigure({
      bench,
      metric: 'CPU of the first list',
      value: caches.cpuMs,
      unit: 'ms',
      n: 2 * many,
      peer: { name, value: peer.cpuMs },
    }),
    toFigure({
      bench,
      metric: `CPU of one change at ${many} of each kind`,
      value: lots.cpuMs,
      unit: 'ms',
      n: changes,
      peer: { name: `the same at ${FEW}`, value: few.cpuMs },
      target: { text: '≤ 1.2 × that at 100', pass: lots.cpuMs <= 1.2 * few.cpuMs },
    }),
    toFigure({
      bench,
      metric: 'writes of a resync, nothing changed',
      value: lots.resyncWrites,
      unit: 'writes',
      n: 2 * many,
      target: { text: '0', pass: lots.resyncWrites === 0 },
    }),
    toFigure({
      bench,
      metric: 'cold start to the first right reconcile',
      value: again.seconds,
      unit: 's',
      n: 1,
      target: { text: '≤ 3 s', pass: again.seconds <= 3 },
    }),
  ]
}
