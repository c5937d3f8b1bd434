// SPDX-License-Identifier: Apache-2.0
// The operator with 10,000 fake Instances and 10,000 Ports in seven namespaces on a real etcd and kube-apiserver; its bus and logical
// network are in memory and empty, since the objects wait for a Flavor and a Network that do not exist. Against client-node's ListWatch
// on the same data, each in a process of its own.
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
import { startControlPlane } from '../local/control-plane/start.ts'
import type { Figure } from './harness/figure.ts'
import { findOption, hasFlag } from './harness/arguments.ts'
import type { Report } from './harness/cache-process.ts'
import { toFigures, type Cached, type Changes, type ColdStart } from './harness/memory-figures.ts'
import { bundleMeasured, MeasuredProcess, type Mode } from './harness/measured-process.ts'
import { makeNamespaces, nameOf, namespaceOf, populate } from './harness/population.ts'

export const about =
  'heap, memory, CPU of a change, resync and cold start of the operator at 10,000 Instances and 10,000 Ports'

const FEW = 100
const WARM_UP = 300
const QUIET_MS = 4000
/** Of Go itself, and so of clusters. */
const GO_DEFAULT = 100

/**
 * @param args --objects N of each kind (10000); --changes N (1000); --profile: each measured
 * operator leaves a .cpuprofile in the working directory
 */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const many = findOption(args, 'objects', 10_000)
  const n = findOption(args, 'changes', 1000)
  const dir = await mkdtemp(join(tmpdir(), 'nephele-bench-'))
  const stops: (() => Promise<void>)[] = [() => rm(dir, { recursive: true, force: true })]
  try {
    const script = await bundleMeasured(dir)
    const bench = await prepare(script, stops)
    const startedAt = performance.now()
    await populate(bench.client, 0, many)
    console.log(`${many} objects of each kind after ${((performance.now() - startedAt) / 1000).toFixed(0)} s`)
    const caches = await measureCaches(bench, 'caches')
    const peer = await measureCaches(bench, 'peer')
    const first = await withOperator(bench, (operator) => operator.ask('memory'))
    console.log(`the first run over all objects wrote ${first.writes} times`)
    const again = await measureColdStart(bench)
    const small = await prepare(script, stops)
    await populate(small.client, 0, FEW)
    const execArgv = hasFlag(args, 'profile') ? ['--cpu-prof', '--cpu-prof-dir=.'] : []
    const changes = await withOperator({ ...small, execArgv }, (few) =>
      withOperator({ ...bench, execArgv }, (lots) =>
        measureChanges({ client: small.client, operator: few }, { client: bench.client, operator: lots }, n),
      ),
    )
    return toFigures({ few: FEW, many, changes, caches, peer, again })
  } finally {
    for (const stop of stops.reverse()) await stop()
  }
}

interface Bench {
  client: HttpKubeClient
  kubeconfig: string
  script: string
  execArgv?: readonly string[]
}

async function prepare(script: string, stops: (() => Promise<void>)[]): Promise<Bench> {
  const plane = await startControlPlane({ controllerManager: false, gogc: GO_DEFAULT })
  stops.push(() => plane.stop())
  await plane.kubectl(['apply', '-f', join(import.meta.dirname, '..', 'crds')])
  await plane.kubectl(['wait', '--for=condition=Established', 'crd', '-l', 'app.kubernetes.io/part-of=nephele'])
  const client = new HttpKubeClient(loadKubeConfig(plane.kubeconfigPath))
  stops.push(() => client.close())
  await client.create(NAMESPACE, { metadata: { name: 'nephele-system' } })
  await makeNamespaces(client)
  return { client, kubeconfig: plane.kubeconfigPath, script }
}

/** An operator that has nothing left to do. */
async function withOperator<T>(bench: Bench, use: (operator: MeasuredProcess) => Promise<T>): Promise<T> {
  const operator = new MeasuredProcess({ ...bench, mode: 'operator' })
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
async function untilQuiet(operator: MeasuredProcess): Promise<Report> {
  for (let before = await operator.ask('cpu'); ;) {
    await sleep(QUIET_MS)
    const now = await operator.ask('cpu')
    if (now.writes === before.writes && now.cpuMs - before.cpuMs < QUIET_MS / 10) return now
    before = now
  }
}

interface Side {
  client: KubeClient
  operator: MeasuredProcess
}

/**
 * CPU of one changed Instance: its generation moves, it is reconciled and its status is written. Turn by turn on both sides, since the
 * pace of a shared host differs from one minute to the next, and without a pause, in which V8 would collect all of the heap. What an
 * operator uses at rest is taken off.
 */
async function measureChanges(few: Side, lots: Side, n: number): Promise<Changes> {
  const sides = [few, lots]
  const cpu = () => Promise.all(sides.map((side) => untilQuiet(side.operator)))
  const { writes: resyncWrites } = await lots.operator.ask('cpu')
  // A process that has looked at 20,000 objects is compiled, one that has looked at 100 is not yet.
  await change(sides, WARM_UP)
  await cpu()
  const restFrom = performance.now()
  const rested = await Promise.all(sides.map((side) => side.operator.ask('cpu')))
  await sleep(QUIET_MS)
  const before = await Promise.all(sides.map((side) => side.operator.ask('cpu')))
  const startedAt = performance.now()
  await change(sides, n)
  const after = await cpu()
  const [ofFew = 0, ofLots = 0] = after.map((now, i) => {
    const [from, rest] = [before[i], rested[i]]
    if (!from || !rest || now.writes === from.writes) throw new Error('the changes were not seen')
    const atRest = ((from.cpuMs - rest.cpuMs) / (startedAt - restFrom)) * (performance.now() - startedAt)
    return (now.cpuMs - from.cpuMs - atRest) / n
  })
  return { n, few: ofFew, lots: ofLots, resyncWrites }
}

async function change(sides: readonly Side[], times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const at = { namespace: namespaceOf(i % FEW), name: nameOf(i % FEW) }
    for (const { client } of sides) {
      const { spec } = await client.get<Instance>(INSTANCE, at)
      const restartPolicy = spec.restartPolicy === 'Always' ? 'OnFailure' : 'Always'
      await client.mergePatch<Instance>(INSTANCE, at, { spec: { restartPolicy } })
    }
  }
}

async function measureCaches(bench: Bench, mode: Exclude<Mode, 'operator'>): Promise<Cached> {
  const child = new MeasuredProcess({ ...bench, mode })
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
async function measureColdStart(bench: Bench): Promise<ColdStart> {
  const at = { namespace: namespaceOf(0), name: 'newcomer' }
  const spec = { flavorRef: { name: 'absent' }, imageRef: { name: 'debian-13' } }
  await bench.client.create<Instance>(INSTANCE, { metadata: at, spec })
  const startedAt = performance.now()
  const operator = new MeasuredProcess({ ...bench, mode: 'operator' })
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
