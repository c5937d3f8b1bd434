// SPDX-License-Identifier: Apache-2.0
// Many documents at once, runs that hang, and documents that come late, twice and out of order.
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { rm } from 'node:fs/promises'
import type { DesiredDocument, ImageDocument, InstanceDocument } from '../../lib/contract/documents.ts'
import { makeMemoryFolder } from '../../lib/memory-folder.ts'
import { createLogger } from '../../lib/log.ts'
import { until as untilSoon } from '../../lib/time/until.ts'
import { instanceDocument, tombstoneOf } from '../compute/testing.ts'
import { DocumentStore } from './document-store.ts'
import { NodeRuntime } from './node-runtime.ts'
import type { KindReconciler, Observation, RunContext } from './reconciler.ts'
import { Reporter } from './reporter.ts'

const log = createLogger('test', 'silent')
/** Each document is synced to a disk that others may be busy with. */
const LONG_MS = 60_000
const until = (holds: () => unknown, what?: string | (() => unknown)) => untilSoon(holds, what, LONG_MS)

interface Run {
  document: DesiredDocument
  context: RunContext
  isRemoval: boolean
  /** Ends the run with this. */
  end: (observation?: Observation) => void
  ended: boolean
}

let dir: string
let runs: Run[]
let reporter: Reporter
let runtime: NodeRuntime
/** Leaves its slot at once, as a download does. */
let isLong: (document: DesiredDocument) => boolean

/** Runs end when the test says so; never two of one uid. */
function manual(kind: 'image' | 'instance', done: Observation['state']): KindReconciler {
  const run = (document: DesiredDocument, context: RunContext, isRemoval: boolean) =>
    new Promise<Observation>((resolve, reject) => {
      if (open().some((r) => r.document.uid === document.uid)) reject(new Error('two runs of one uid'))
      const state = isRemoval ? 'gone' : done
      const entry: Run = {
        document,
        context,
        isRemoval,
        ended: false,
        end: (observation = { state }) => {
          entry.ended = true
          resolve(observation)
        },
      }
      runs.push(entry)
      context.signal.addEventListener('abort', () => {
        entry.ended = true
        reject(context.signal.reason as Error)
      })
      if (isLong(document)) context.leaveSlot()
    })
  return {
    kind,
    reconcile: (document: DesiredDocument, context: RunContext) => run(document, context, false),
    remove: (document: DesiredDocument, context: RunContext) => run(document, context, true),
    listOwned: async () => [],
  }
}

const open = (): Run[] => runs.filter((r) => !r.ended)
const running = (uid: string): Run | undefined => open().find((r) => r.document.uid === uid)

async function startRuntime(): Promise<void> {
  reporter = new Reporter({ outbox: { connected: false, publish: async () => undefined }, log })
  const store = await DocumentStore.open(dir, log)
  runtime = new NodeRuntime({ node: 'n1', bootId: 'b', store, reporter, log })
  await runtime.add(manual('image', 'ready'))
  await runtime.add(manual('instance', 'running'))
  runtime.start()
}

beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-concurrent-')
  runs = []
  isLong = () => false
  await startRuntime()
})
afterEach(async () => {
  await runtime.stop()
  await rm(dir, { recursive: true, force: true })
})

const receive = (wanted: DesiredDocument) => runtime.receive(wanted, Buffer.from(JSON.stringify(wanted)))
const machine = (uid: string, namespace: string, generation = 1): InstanceDocument => ({
  ...instanceDocument({ uid }),
  namespace,
  versions: { incarnation: 1, term: 1, epoch: 1, generation },
})
const image = (uid: string, namespace: string, url = 'http://a/b', generation = 1): ImageDocument => ({
  v: 1,
  kind: 'image',
  uid,
  node: 'n1',
  namespace,
  name: uid,
  versions: { incarnation: 1, term: 1, epoch: 1, generation },
  tombstone: false,
  spec: { url, format: 'raw' },
})
const gone = (document: InstanceDocument, generation = 2): DesiredDocument => ({
  ...tombstoneOf(document),
  ...(document.namespace === undefined ? {} : { namespace: document.namespace }),
  versions: { ...document.versions, generation },
})

jest.setTimeout(2 * LONG_MS)

describe('what hangs', () => {
  test('machines of one namespace keep neither those of others nor their own tombstones waiting', async () => {
    const stuck = Array.from({ length: 30 }, (_, i) => machine(`stuck-${i}`, 'team-a'))
    for (const document of stuck) await receive(document)
    await until(
      () => open().length >= 12,
      () => open().length,
    )
    await receive(machine('other', 'team-b'))
    await until(() => running('other'))
    await receive(gone(stuck[29]!))
    await until(() => running('stuck-29')?.isRemoval)
    expect(runtime.load()).toMatchObject({ urgent: 0, waiting: 30 - 12 - 1, long: 0 })
  })

  test('a machine that is to stop is worked on before those that are to be made', async () => {
    const victim = machine('victim', 'team-a')
    await receive(victim)
    await until(() => running('victim'))
    running('victim')!.end()
    for (let i = 0; i < 30; i++) await receive(machine(`stuck-${i}`, 'team-a'))
    const stopped = machine('victim', 'team-a', 2)
    await receive({ ...stopped, spec: { ...stopped.spec, runState: 'Stopped' } })
    await until(() => running('victim'))
  })

  test('downloads hold no slot: sixteen that never end let the next image and all else be worked on', async () => {
    isLong = ({ uid }) => uid.startsWith('drip')
    for (let i = 0; i < 16; i++) await receive(image(`drip-${i}`, 'team-a'))
    await until(() => open().length === 16)
    expect(runtime.load().long).toBe(16)
    await receive(image('small', 'team-a'))
    await receive(machine('vm', 'team-a'))
    await until(() => running('small') && running('vm'))
    running('drip-3')!.end()
    await until(() => runtime.load().long === 15)
  })
})

describe('a run under way', () => {
  const document = machine('vm', 'team-a')

  test('is ended by the tombstone, which is carried out next; what it says after that is not heard', async () => {
    await receive(document)
    await until(() => running('vm'))
    const [building] = runs
    building!.context.report({ state: 'building' })
    expect(reporter.find(document)?.state).toBe('building')
    await receive(gone(document))
    expect(building!.context.signal.aborted).toBe(true)
    building!.context.report({ state: 'running' })
    await until(() => running('vm')?.isRemoval)
    expect(reporter.find(document)?.state).toBe('building')
    running('vm')!.end()
    await until(() => reporter.find(document)?.state === 'gone')
    expect(reporter.find(document)?.versions.generation).toBe(2)
  })

  test('ends by itself when a later document comes, is not reported for it, and the later one runs', async () => {
    await receive(document)
    await until(() => running('vm'))
    await receive(machine('vm', 'team-a', 2))
    expect(runs[0]!.context.signal.aborted).toBe(false)
    runs[0]!.end()
    await until(() => running('vm')?.document.versions.generation === 2)
    expect(reporter.find(document)).toBeUndefined()
    running('vm')!.end()
    await until(() => reporter.find(document)?.versions.generation === 2)
  })

  test('is ended by another spec when it left its slot: a corrected URL does not wait for the wrong one', async () => {
    isLong = () => true
    await receive(image('img', 'team-a', 'http://wrong/x'))
    await until(() => running('img'))
    await receive(image('img', 'team-a', 'http://wrong/x', 2))
    expect(runs[0]!.context.signal.aborted).toBe(false)
    await receive(image('img', 'team-a', 'http://right/x', 3))
    await until(() => running('img')?.document.versions.generation === 3)
  })
})

test(
  'whatever comes late, twice or out of order: the last report is of the highest document, and what went stays gone',
  async () => {
    const version = fc.record({ epoch: fc.integer({ min: 1, max: 3 }), generation: fc.integer({ min: 1, max: 3 }) })
    const step = fc.oneof(fc.record({ uid: fc.constantFrom('a', 'b'), version }), fc.record({ ends: fc.nat(3) }))
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), async (steps, restart) => {
        await runtime.stop()
        await rm(dir, { recursive: true, force: true })
        runs = []
        await startRuntime()
        const highest = new Map<string, { epoch: number; generation: number; tombstone: boolean }>()
        const deliver = async (uid: string, v: { epoch: number; generation: number }, tombstone: boolean) => {
          // As the operator writes: one document a version, so that a version says which it is.
          const base = machine(uid, 'team-a')
          const versions = { ...base.versions, ...v }
          await receive(tombstone ? { ...tombstoneOf(base), versions } : { ...base, versions })
        }
        for (const [at, s] of steps.entries()) {
          if ('ends' in s) {
            open()[s.ends]?.end()
          } else {
            const tombstone = s.version.generation === 3
            await deliver(s.uid, s.version, tombstone)
            const known = highest.get(s.uid)
            const newer = !known || (s.version.epoch >= known.epoch && s.version.generation >= known.generation)
            if (newer) highest.set(s.uid, { ...s.version, tombstone })
          }
          if (restart && at === Math.floor(steps.length / 2)) {
            await runtime.stop()
            await startRuntime()
          }
        }
        // A tombstone that was done before the restart is not said by itself: the operator asks for what has no answer.
        if (restart) for (const [uid, v] of highest) await deliver(uid, v, v.tombstone)
        await until(
          () => {
            for (const run of open()) run.end()
            return [...highest].every(([uid, v]) => {
              const said = reporter.find(machine(uid, 'team-a'))
              return (
                said?.versions.epoch === v.epoch &&
                said.versions.generation === v.generation &&
                said.state !== 'building'
              )
            })
          },
          () => [...highest],
        )
        for (const [uid, { tombstone }] of highest) {
          const stored = runtime.find('instance', uid)
          expect(stored?.tombstone).toBe(tombstone)
          expect(reporter.find(machine(uid, 'team-a'))?.state).toBe(tombstone ? 'gone' : 'running')
        }
      }),
      { numRuns: 20 },
    )
  },
  4 * LONG_MS,
)
