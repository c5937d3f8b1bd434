// SPDX-License-Identifier: Apache-2.0
// How long an agent takes to have a machine started while sixteen image servers drip, qcow2 files full of tables are inspected, and ten
// guests ask for metadata fifty times a second each; against the same agent that is left alone. The agent's parts are real: store,
// runtime, image role, metadata server, in one process and one thread. What is not: no hypervisor, since under plain emulation ten guests
// take both cores of the reference machine and would be what is measured. The agent's own share is told as it is; the ratio is over a start
// as libvirt does it there (testing.md), which is added to both sides.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { FakeInstanceDriver } from '../agents/compute/drivers/fake/fake-instance-driver.ts'
import { InstanceReconciler } from '../agents/compute/instance-reconciler.ts'
import { IMAGE_UID, instanceDocument, tombstoneOf } from '../agents/compute/testing.ts'
import { createImageRole } from '../agents/roles/image-role.ts'
import { localSettings } from '../agents/image/testing/local-settings.ts'
import { MetadataServer } from '../agents/metadata/metadata-server.ts'
import { DocumentStore } from '../agents/runtime/document-store.ts'
import { NodeRuntime } from '../agents/runtime/node-runtime.ts'
import type { KindReconciler } from '../agents/runtime/reconciler.ts'
import { Reporter } from '../agents/runtime/reporter.ts'
import type { DesiredDocument, ImageDocument, ObservedDocument } from '../lib/contract/documents.ts'
import { createLogger } from '../lib/log.ts'
import { median, quantile, toFigure, type Figure } from './harness/figure.ts'
import { findOption } from './harness/arguments.ts'

export const about =
  'an agent starts machines beside dripping image servers, hostile qcow2 files and guests that ask all the time'

const log = createLogger('bench', 'silent')
/** define and start by libvirt's protocol on the reference machine. */
const LIBVIRT_MS = 320
const DRIPPING = 16
const MOST = 1.5

/** @param args --n N machines started in each of both (60) */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const n = findOption(args, 'n', 60)
  const dir = await mkdtemp(join(tmpdir(), 'nephele-bench-'))
  const node = await startNode(dir)
  try {
    await startMachines(node, 10, 'warm')
    const idle = await startMachines(node, n, 'idle')
    const load = await startLoad(node)
    const busy = await startMachines(node, n, 'busy')
    const figures = toFigures(idle, busy, load.answers(), load.inspected())
    load.stop()
    return figures
  } finally {
    await node.close()
    await rm(dir, { recursive: true, force: true })
  }
}

type BenchNode = Awaited<ReturnType<typeof startNode>>

async function startNode(dir: string) {
  let changed: (document: ObservedDocument) => void = () => undefined
  const outbox = {
    connected: true,
    publish: async (_subject: string, data: string) => changed(JSON.parse(data) as ObservedDocument),
  }
  const reporter = new Reporter({ outbox, log })
  const store = await DocumentStore.open(join(dir, 'documents'), log)
  const runtime = new NodeRuntime({ node: 'n1', bootId: 'boot-1', store, reporter, log })
  const role = createImageRole({ dataDir: dir, log, settings: localSettings(), cache: { keepFreeBytes: 0 } })
  const driver = new FakeInstanceDriver()
  const machines = new InstanceReconciler({
    paths: { dataDir: dir, runDir: dir },
    driver: { current: () => driver, ready: Promise.resolve(driver) },
    configDriveFiles: () => [],
    readCapacity: async () => undefined,
    isHostStopping: async () => false,
  })
  const images: KindReconciler<'image'> = {
    kind: 'image',
    // The machines' own is there already, as on a node that has run it before.
    reconcile: async (document, context) =>
      document.uid === IMAGE_UID
        ? { state: 'ready', facts: { sha256: '0'.repeat(64), virtualSizeBytes: 2 ** 25 } }
        : role.reconcilers[0].reconcile(document, context),
    remove: (tombstone, context) => role.reconcilers[0].remove(tombstone, context),
    listOwned: async () => [],
  }
  await runtime.add(images as unknown as KindReconciler)
  await runtime.add(machines)
  runtime.start()
  const stop = new AbortController()
  const reporting = reporter.run(stop.signal)
  const guest = instanceDocument({ userDataBase64: Buffer.alloc(32 * 1024, 7).toString('base64') })
  const metadata = new MetadataServer({ find: () => ({ instance: guest, ports: [] }), log })
  const listener = createServer((socket) => metadata.accept('net', socket)).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    receive: (document: DesiredDocument) => runtime.receive(document, Buffer.from(JSON.stringify(document))),
    onReport: (listen: (document: ObservedDocument) => void) => (changed = listen),
    stateOf: (uid: string) => reporter.find({ node: 'n1', kind: 'image', uid })?.state,
    metadataPort: (listener.address() as AddressInfo).port,
    close: async () => {
      await runtime.stop()
      stop.abort()
      await reporting
      listener.close()
      metadata.close()
    },
  }
}

/** One after the other. @returns milliseconds from the document's arrival to the report that the machine runs */
async function startMachines(node: BenchNode, n: number, name: string): Promise<number[]> {
  await node.receive(image(IMAGE_UID, 'team-a', 'http://unused/'))
  const times: number[] = []
  for (let i = 0; i < n; i++) {
    const document = { ...instanceDocument({ uid: `${name}-${i}` }), grantedBootId: 'boot-1' }
    const said = (state: string) =>
      new Promise<void>((resolve) => {
        node.onReport((report) => {
          if (report.uid === document.uid && report.state === state) resolve()
        })
      })
    const startedAt = performance.now()
    const runs = said('running')
    await node.receive(document)
    await runs
    times.push(performance.now() - startedAt)
    const gone = said('gone')
    await node.receive({ ...tombstoneOf(document), versions: { ...document.versions, generation: 2 } })
    await gone
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return times
}

async function startLoad(node: BenchNode) {
  const program = join(import.meta.dirname, 'harness', 'hostile-neighbours.ts')
  const child = spawn(process.execPath, [program, `${node.metadataPort}`], { stdio: ['ignore', 'pipe', 'inherit'] })
  const port = Promise.withResolvers<number>()
  let answers = 0
  createInterface(child.stdout).on('line', (line) => {
    const [, answered] = /^answered (\d+)$/.exec(line) ?? []
    if (answered === undefined) port.resolve(Number(line))
    else answers = Number(answered)
  })
  const url = `http://127.0.0.1:${await port.promise}`
  for (let i = 0; i < DRIPPING; i++) await node.receive(image(`drip-${i}`, 'mallory', `${url}/drip${i}`))
  let round = 0
  let inspected = 0
  // Always one that is downloaded or inspected: the next as soon as one is through.
  const timer = setInterval(() => {
    const uid = `tables-${round}`
    if (round > 0 && node.stateOf(uid) !== 'ready') return
    if (round > 0) {
      inspected += 1
      const { v, kind, node: on, namespace, versions } = image(uid, 'eve', url)
      const gone = { v, kind, uid, node: on, namespace, name: uid, tombstone: true as const }
      void node.receive({ ...gone, versions: { ...versions, generation: 2 } })
    }
    round += 1
    void node.receive({
      ...image(`tables-${round}`, 'eve', `${url}/tables${round}`),
      spec: { url: `${url}/tables${round}`, format: 'qcow2' },
    })
  }, 20)
  await new Promise((resolve) => setTimeout(resolve, 2000))
  return {
    answers: () => answers,
    inspected: () => inspected,
    stop: () => {
      clearInterval(timer)
      child.kill('SIGKILL')
    },
  }
}

function image(uid: string, namespace: string, url: string): ImageDocument {
  return {
    v: 1,
    kind: 'image',
    uid,
    node: 'n1',
    namespace,
    name: uid,
    versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
    tombstone: false,
    spec: { url, format: 'raw' },
  }
}

function toFigures(idle: number[], busy: number[], answers: number, inspected: number): Figure[] {
  const bench = 'hostile-node'
  const start = (name: string, of: (samples: number[]) => number, isTarget: boolean) => {
    const [value, alone] = [LIBVIRT_MS + of(busy), LIBVIRT_MS + of(idle)]
    return toFigure({
      bench,
      metric: `a start with ${LIBVIRT_MS} ms of libvirt, ${name}`,
      value,
      unit: 'ms',
      n: busy.length,
      peer: { name: 'left alone', value: alone },
      ...(isTarget ? { target: { text: `<= ${MOST} x`, pass: value / alone <= MOST } } : {}),
    })
  }
  const p95 = (samples: number[]) => quantile(samples, 0.95)
  const share = (name: string, of: (samples: number[]) => number) =>
    toFigure({
      bench,
      metric: `the agent's share of a start, ${name}`,
      value: of(busy),
      unit: 'ms',
      n: busy.length,
      peer: { name: 'left alone', value: of(idle) },
    })
  return [
    share('median', median),
    share('p95', p95),
    start('median', median, true),
    start('p95', p95, false),
    toFigure({ bench, metric: 'metadata requests answered meanwhile', value: answers, unit: 'requests', n: 10 }),
    toFigure({
      bench,
      metric: 'files full of tables inspected meanwhile',
      value: inspected,
      unit: 'files',
      n: inspected,
    }),
  ]
}
