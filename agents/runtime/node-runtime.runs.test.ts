// SPDX-License-Identifier: Apache-2.0
// What becomes of one document: who is asked, what is said, when it is looked at again, and who is woken. The clock stands still.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { rm } from 'node:fs/promises'
import type {
  DesiredDocument,
  DocumentKind,
  ImageDocument,
  InstanceDocument,
  NodeDocument,
  Orphan,
} from '../../lib/contract/documents.ts'
import { makeMemoryFolder } from '../../lib/memory-folder.ts'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import { createLogger } from '../../lib/log.ts'
import { FakeClock } from '../../lib/time/fake-clock.ts'
import { until } from '../../lib/time/until.ts'
import { instanceDocument } from '../compute/testing.ts'
import type { EndedRun } from '../metrics/agent-metrics.ts'
import { DocumentStore } from './document-store.ts'
import { NodeRuntime } from './node-runtime.ts'
import type { KindReconciler, Observation, RunContext, Wake } from './reconciler.ts'
import { Reporter } from './reporter.ts'

const log = createLogger('test', 'silent')
type Answer = (document: DesiredDocument, context: RunContext) => Observation | Promise<Observation>

let dir: string
let clock: FakeClock
let reporter: Reporter
let store: DocumentStore
let runtime: NodeRuntime
/** Runs as `kind.uid generation`, removals with a minus. */
let runs: string[]
/** What metrics are told. */
let ended: string[]
let answers: Map<string, Answer>
let contexts: RunContext[]
let wakes: Map<DocumentKind, Wake>
let owned: Orphan[]

beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-runs-')
  clock = new FakeClock()
  runs = []
  ended = []
  contexts = []
  answers = new Map()
  wakes = new Map()
  owned = []
  await open()
})
afterEach(async () => {
  await runtime.stop()
  expect(clock.pending).toBe(0)
  await rm(dir, { recursive: true, force: true })
})

async function open(): Promise<void> {
  reporter = new Reporter({ outbox: { connected: false, publish: async () => undefined }, log })
  store = await DocumentStore.open(dir, log)
  const onRun = ({ kind, result, reason }: EndedRun) => ended.push([kind, result, reason].filter(Boolean).join(' '))
  runtime = new NodeRuntime({ node: 'n1', bootId: 'boot-1', store, reporter, log, clock, onRun })
}
/** As a process that is killed: what was on the disk is there. */
async function restart(): Promise<void> {
  await runtime.stop()
  runs = []
  await open()
}

function reconcilerOf(kind: DocumentKind, state: Observation['state']): KindReconciler {
  const run = (sign: string, usual: Observation['state']) => async (document: DesiredDocument, context: RunContext) => {
    contexts.push(context)
    runs.push(`${sign}${kind}.${document.uid} ${document.versions.generation}`)
    return (await answers.get(document.uid)?.(document, context)) ?? { state: usual }
  }
  return {
    kind,
    reconcile: run('', state),
    remove: run('-', 'gone'),
    dependencies: ({ spec }) =>
      kind === 'instance' ? [{ kind: 'image', uid: (spec as InstanceDocument['spec']).image.uid }] : [],
    listOwned: async () => owned.filter((orphan) => orphan.kind === kind),
    async start(wake) {
      wakes.set(kind, wake)
    },
  }
}
const STATES = { node: 'ready', image: 'ready', volume: 'available', port: 'active', instance: 'running' } as const
async function begin(...kinds: (keyof typeof STATES)[]): Promise<void> {
  for (const kind of kinds) await runtime.add(reconcilerOf(kind, STATES[kind]))
  runtime.start()
}

const header = (uid: string, generation: number) => ({
  ...{ v: 1 as const, uid, node: 'n1', namespace: 'team', name: uid, tombstone: false as const },
  versions: { incarnation: 1, term: 1, epoch: 1, generation },
})
const machine = (uid: string, generation = 1, more: object = {}): InstanceDocument => ({
  ...{ ...instanceDocument(), ...header(uid, generation), kind: 'instance' },
  ...more,
})
const image = (uid: string, generation = 1): ImageDocument => ({
  ...{ ...header(uid, generation), kind: 'image' },
  spec: { url: 'http://a/b', format: 'raw' },
})
const node = (uid: string, generation = 1): NodeDocument => ({
  ...{ ...header(uid, generation), kind: 'node' },
  spec: { roles: { compute: 'fake' } },
})
function gone(document: DesiredDocument, generation = 2): DesiredDocument {
  const { v, kind, uid, node: at, name, namespace } = document
  const versions = { ...document.versions, generation }
  return { v, kind, uid, node: at, name, ...(namespace === undefined ? {} : { namespace }), versions, tombstone: true }
}
const receive = (document: DesiredDocument) => runtime.receive(document, Buffer.from(JSON.stringify(document)))
const said = (document: Pick<DesiredDocument, 'kind' | 'uid'>) => reporter.find({ node: 'n1', ...document })
const ran = async (...expected: string[]): Promise<void> => {
  await until(
    () => runs.length >= expected.length,
    () => runs,
  )
  await quiet()
  expect(runs.splice(0)).toEqual(expected)
}
const STEP_MS = 25
/** Moves the clock until there is one more run; how far. */
async function timeToRun(): Promise<number> {
  for (let ms = STEP_MS; ms < 600_000; ms += STEP_MS) {
    await clock.advance(STEP_MS)
    if (runs.splice(0).length > 0) return ms
  }
  throw new Error('no run')
}
/** Long enough for a run that should not be. */
const quiet = () => new Promise((resolve) => setTimeout(resolve, 25))

describe('a run', () => {
  test('gets its document and what it may use, and its report has the versions it was for', async () => {
    await begin('instance')
    await receive(machine('a', 3, { grantedBootId: 'boot-0' }))
    await ran('instance.a 3')
    expect(contexts[0]).toMatchObject({ node: 'n1', bootId: 'boot-1', grantedBootId: 'boot-0' })
    expect(contexts[0]!.state.find('instance', 'a')).toMatchObject({ uid: 'a' })
    expect(said(machine('a'))).toMatchObject({ state: 'running', bootId: 'boot-1', versions: { generation: 3 } })
    expect(runtime.findObserved('instance', 'a')).toEqual({ state: 'running' })
    await receive(machine('b'))
    await ran('instance.b 1')
    expect(contexts[1]).toMatchObject({ grantedBootId: '' })
  })

  test('is repeated after the time it asked for, once, and not before', async () => {
    answers.set('a', () => ({ state: 'building', retryAfterMs: 5_000 }))
    await begin('instance')
    await receive(machine('a'))
    await ran('instance.a 1')
    answers.clear()
    await clock.advance(4_999)
    await ran()
    await clock.advance(1)
    await ran('instance.a 1')
    await clock.advance(600_000)
    await ran()
  })

  test('that fails is repeated with back-off, whose row ends with a success and with a new document', async () => {
    const fails: Answer = () => Promise.reject(new TransientError('Away', 'the switch is away'))
    answers.set('a', fails)
    await begin('instance')
    await receive(machine('a'))
    await ran('instance.a 1')
    expect(said(machine('a'))).toMatchObject({
      state: 'failed',
      error: { reason: 'Away', message: 'the switch is away', terminal: false },
    })
    expect(ended.splice(0)).toEqual(['instance failed Away'])
    for (const most of [500, 1_000, 2_000]) {
      const waited = await timeToRun()
      expect(waited).toBeGreaterThanOrEqual(most / 2)
      expect(waited).toBeLessThanOrEqual(most + STEP_MS)
    }
    await receive(machine('a', 2))
    await ran('instance.a 2')
    expect(await timeToRun()).toBeLessThanOrEqual(500 + STEP_MS)
    answers.clear()
    await timeToRun()
    expect(said(machine('a'))).toMatchObject({ state: 'running' })
    expect(said(machine('a'))).not.toHaveProperty('error')
    expect(ended).toEqual([...Array.from({ length: 5 }, () => 'instance failed Away'), 'instance done'])
    answers.set('a', fails)
    wakes.get('instance')!.one('a')
    await ran('instance.a 2')
    expect(await timeToRun()).toBeLessThanOrEqual(500 + STEP_MS)
  })

  test('that fails is repeated within the time that it asked for, where that is sooner', async () => {
    answers.set('a', (_, context) => {
      context.runAgainWithin(20)
      throw new TransientError('Away', 'the switch is away')
    })
    await begin('instance')
    await receive(machine('a'))
    await ran('instance.a 1')
    await clock.advance(19)
    await ran()
    await clock.advance(1)
    await ran('instance.a 1')
    answers.set('a', (_, context) => {
      context.runAgainWithin(60_000)
      throw new TransientError('Away', 'the switch is away')
    })
    await timeToRun()
    expect(await timeToRun()).toBeLessThanOrEqual(4_000 + STEP_MS)
  })

  test('never waits longer than five minutes for its next attempt', async () => {
    answers.set('a', () => Promise.reject(new Error('x')))
    await begin('instance')
    await receive(machine('a'))
    for (let i = 0; i < 14; i++) {
      await until(() => runs.length > i)
      await quiet()
      await clock.advance(300_000)
    }
    expect(runs.length).toBeGreaterThanOrEqual(14)
  })

  test('that fails in a way nobody foresaw says so without the text, which is in the log', async () => {
    answers.set('a', () => Promise.reject(new Error('ENOENT /etc/secret')))
    await begin('instance')
    await receive(machine('a'))
    await ran('instance.a 1')
    const { error } = said(machine('a'))!
    expect(error).toMatchObject({ reason: 'AgentError', terminal: false })
    expect(error!.message).not.toContain('secret')
  })

  test('that is refused for good waits for another document', async () => {
    answers.set('a', () => Promise.reject(new TerminalError('Unsupported', 'no such bus')))
    await begin('instance', 'node')
    await receive(machine('a'))
    await ran('instance.a 1')
    expect(said(machine('a'))).toMatchObject({
      state: 'refused',
      error: { reason: 'Unsupported', message: 'no such bus', terminal: true },
    })
    expect(ended).toEqual(['instance refused Unsupported'])
    await clock.advance(600_000)
    await ran()
    // What fails next fails for the first time.
    answers.set('a', () => Promise.reject(new TransientError('Away', 'away')))
    wakes.get('instance')!.one('a')
    for (let i = 0; i < 2; i++) await timeToRun()
    answers.set('a', () => Promise.reject(new TerminalError('Unsupported', 'no such bus')))
    await timeToRun()
    answers.set('a', () => Promise.reject(new TransientError('Away', 'away')))
    wakes.get('instance')!.one('a')
    await ran('instance.a 1')
    expect(await timeToRun()).toBeLessThanOrEqual(500 + STEP_MS)
    answers.set('n', () => Promise.reject(new TerminalError('Unsupported', 'no such role')))
    await receive(node('n'))
    await ran('node.n 1')
    expect(said(node('n'))).toMatchObject({ state: 'degraded', error: { terminal: true } })
  })

  test('under way when the agent stops is ended, waited for, and says nothing', async () => {
    let aborted = false
    answers.set('a', (_, context) => {
      const { signal } = context
      context.report({ state: 'building' })
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          context.report({ state: 'failed' })
          setTimeout(() => {
            aborted = true
            reject(new Error('aborted'))
          }, 20)
        }),
      )
    })
    await begin('instance')
    await receive(machine('a'))
    await until(() => said(machine('a'))?.state === 'building')
    await runtime.stop()
    expect([aborted, said(machine('a'))?.state]).toEqual([true, 'building'])
  })

  test('that ends well though the agent stops says nothing either', async () => {
    answers.set('a', async (_, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return { state: 'running' }
    })
    await begin('instance')
    await receive(machine('a'))
    await until(() => runs.length === 1)
    await runtime.stop()
    expect(said(machine('a'))).toBeUndefined()
  })
})

describe('a document', () => {
  test('of a kind that no role handles is told so, and taken up when the role comes', async () => {
    await begin()
    await receive(machine('a'))
    await until(() => said(machine('a')))
    expect(said(machine('a'))).toMatchObject({ state: 'failed', error: { reason: 'RoleMissing', terminal: false } })
    await receive(node('n'))
    await until(() => said(node('n')))
    expect(said(node('n'))).toMatchObject({ state: 'degraded', error: { reason: 'RoleMissing' } })
    await runtime.add(reconcilerOf('instance', 'running'))
    await ran('instance.a 1')
    expect(said(machine('a'))?.state).toBe('running')
    await expect(runtime.add(reconcilerOf('instance', 'running'))).rejects.toThrow('two reconcilers for instance')
  })

  test('that comes again is said again by a run, one that is refused changes nothing', async () => {
    await begin('instance')
    await receive(machine('a', 2))
    await ran('instance.a 2')
    await receive(machine('a', 2))
    await ran('instance.a 2')
    await receive(machine('a', 1))
    await ran()
    expect(said(machine('a'))).toMatchObject({ state: 'running', refused: { reason: 'StaleGeneration' } })
    expect(store.find('instance', 'a')?.document.versions.generation).toBe(2)
    await receive(machine('a', 3))
    await ran('instance.a 3')
    expect(said(machine('a'))).not.toHaveProperty('refused')
  })

  test('that is refused before its predecessor was looked at since the start is looked at for it', async () => {
    await begin('instance')
    await receive(machine('a', 2))
    await ran('instance.a 2')
    await restart()
    await runtime.receive(machine('a'), Buffer.from(JSON.stringify(machine('a', 1))))
    expect(said(machine('a'))).toBeUndefined()
    await begin('instance')
    await ran('instance.a 2')
    expect(said(machine('a'))).toMatchObject({ state: 'running', refused: { reason: 'StaleGeneration' } })
  })

  test('is on disk when it was taken', async () => {
    await receive(machine('a', 2))
    const again = await DocumentStore.open(dir, log)
    expect(again.find('instance', 'a')).toEqual({ document: machine('a', 2), done: false })
  })
})

describe('a tombstone', () => {
  test('is done when nothing is left, and is then said as gone to whoever asks, also by the next process', async () => {
    await begin('instance')
    await receive(machine('a'))
    await ran('instance.a 1')
    answers.set('a', () => ({ state: 'failed', retryAfterMs: 1_000 }))
    await receive(gone(machine('a')))
    await ran('-instance.a 2')
    expect(store.find('instance', 'a')?.done).toBe(false)
    answers.clear()
    await clock.advance(1_000)
    await ran('-instance.a 2')
    await until(() => store.find('instance', 'a')?.done)
    await receive(gone(machine('a')))
    await ran()
    expect(said(machine('a'))?.state).toBe('gone')

    await restart()
    await begin('instance')
    wakes.get('instance')!.one('a')
    await ran()
    expect(said(machine('a'))).toBeUndefined()
    await receive(gone(machine('a')))
    await until(() => said(machine('a')))
    expect(said(machine('a'))).toMatchObject({ state: 'gone', versions: { generation: 2 } })
    await ran()

    // Nor does what is older: it is told that all is gone.
    await restart()
    await begin('instance')
    await receive(machine('a', 1))
    await until(() => said(machine('a')))
    expect(said(machine('a'))).toMatchObject({ state: 'gone', refused: { reason: 'StaleGeneration' } })
    await ran()
  })

  test('is what ends a document: one that stands is not done, whatever is said of it', async () => {
    answers.set('a', () => ({ state: 'gone' }))
    await begin('instance')
    await receive(machine('a'))
    await ran('instance.a 1')
    expect(store.find('instance', 'a')?.done).toBe(false)
  })

  test('that is not done is carried on by the next process', async () => {
    answers.set('a', () => ({ state: 'failed' }))
    await begin('instance')
    await receive(gone(machine('a')))
    await ran('-instance.a 2')
    await restart()
    await begin('instance')
    await ran('-instance.a 2')
  })

  test('takes its document out of the lists when it is done, and it stays found', async () => {
    await begin('instance')
    await receive(machine('a'))
    await receive(machine('b'))
    await until(() => runs.length === 2)
    expect(runtime.list('instance').map(({ uid }) => uid)).toEqual(['a', 'b'])
    await receive(gone(machine('a')))
    await until(() => store.find('instance', 'a')?.done)
    expect(runtime.list('instance').map(({ uid }) => uid)).toEqual(['b'])
    expect(runtime.list('image')).toEqual([])
    expect(runtime.find('instance', 'a')).toMatchObject({ tombstone: true })
  })
})

describe('who is woken', () => {
  test('by what it needs: its document, what is observed of it, and not by the same report again', async () => {
    await begin('image', 'instance')
    const needs = machine('a')
    await receive(needs)
    await ran('instance.a 1')
    let state: Observation['state'] = 'downloading'
    answers.set(needs.spec.image.uid, () => ({ state }))
    await receive(image(needs.spec.image.uid))
    await until(() => runs.length >= 2)
    await quiet()
    expect(runs[0]).toBe(`image.${needs.spec.image.uid} 1`)
    expect(new Set(runs.slice(1))).toEqual(new Set(['instance.a 1']))
    runs = []
    wakes.get('image')!.one(needs.spec.image.uid)
    await ran(`image.${needs.spec.image.uid} 1`)
    state = 'ready'
    wakes.get('image')!.one(needs.spec.image.uid)
    await ran(`image.${needs.spec.image.uid} 1`, 'instance.a 1')
  })

  test('by another document of what it needs, though nothing was observed of that yet', async () => {
    await begin('image', 'instance')
    const needs = machine('a')
    await receive(needs)
    await ran('instance.a 1')
    answers.set(needs.spec.image.uid, (_, { signal }) => {
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
    })
    await receive(image(needs.spec.image.uid))
    await until(() => runs.length === 2)
    await quiet()
    expect(runs.sort()).toEqual([`image.${needs.spec.image.uid} 1`, 'instance.a 1'])
  })

  test('by the world only once its reconciler has begun to listen', async () => {
    const slow = reconcilerOf('instance', 'running')
    let listens = false
    slow.start = async () => {
      await quiet()
      listens = true
    }
    await receive(machine('a'))
    answers.set('a', () => {
      expect(listens).toBe(true)
      return { state: 'running' }
    })
    await runtime.add(slow)
    expect(listens).toBe(true)
    runtime.start()
    await until(() => said(machine('a'))?.state === 'running')
  })

  test('by what it needs now, after a change and after a restart, and by nothing once it is done', async () => {
    await begin('image', 'instance')
    const needing = (uid: string, generation: number): InstanceDocument => {
      const base = machine('a', generation)
      return { ...base, spec: { ...base.spec, image: { ...base.spec.image, uid } } }
    }
    await receive(needing('old', 1))
    await receive(needing('new', 2))
    await until(() => said(machine('a'))?.versions.generation === 2)
    await quiet()
    runs = []
    await receive(image('old'))
    await ran('image.old 1')
    await receive(image('new'))
    await until(() => runs.includes('instance.a 2'))
    await restart()
    await begin('image', 'instance')
    await until(() => runs.length >= 3)
    await quiet()
    runs = []
    await receive(image('new', 2))
    await until(() => runs.includes('instance.a 2'))
    await receive(gone(needing('new', 3), 3))
    await until(() => store.find('instance', 'a')?.done)
    await quiet()
    runs = []
    await receive(image('new', 3))
    await ran('image.new 3')
  })

  test('by the world: one, or all of a kind, but not what is done or unknown', async () => {
    await begin('image', 'instance')
    for (const document of [machine('a'), machine('b'), machine('c'), image('i')]) await receive(document)
    await receive(gone(machine('c')))
    await until(() => store.find('instance', 'c')?.done)
    await until(() => said(image('i')))
    await quiet()
    runs = []
    wakes.get('instance')!.one('b')
    await ran('instance.b 1')
    for (const uid of ['c', 'nosuch']) wakes.get('instance')!.one(uid)
    await ran()
    wakes.get('instance')!.all()
    await ran('instance.a 1', 'instance.b 1')
  })
})

describe('the node’s own document', () => {
  const stored = async (): Promise<void> => {
    await begin('node', 'instance')
    await receive(node('n'))
    await receive(machine('a'))
    await until(() => said(machine('a')))
    await restart()
  }

  test('comes first after a start; the rest waits for the roles it brings', async () => {
    await stored()
    let release: () => void = () => undefined
    answers.set('n', () => new Promise((resolve) => (release = () => resolve({ state: 'ready' }))))
    await begin('node')
    await ran('node.n 1')
    expect(said(machine('a'))).toBeUndefined()
    await runtime.add(reconcilerOf('instance', 'running'))
    await ran()
    release()
    await ran('instance.a 1')
  })

  test('that fails lets the rest begin all the same', async () => {
    await stored()
    answers.set('n', () => Promise.reject(new Error('x')))
    await begin('node', 'instance')
    await ran('node.n 1', 'instance.a 1')
  })

  test('that hangs keeps the rest waiting for ten seconds', async () => {
    await stored()
    answers.set('n', (_, { signal }) => {
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
    })
    await begin('node', 'instance')
    await ran('node.n 1')
    await clock.advance(9_999)
    await ran()
    await clock.advance(1)
    await ran('instance.a 1')
  })

  test('takes the place of one of a ComputeNode that was deleted, whose run is ended and which is not heard of again', async () => {
    answers.set('old', (_, context) => {
      const { signal } = context
      context.report({ state: 'degraded' })
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
    })
    await begin('node', 'instance')
    await receive(node('old'))
    await until(() => said(node('old')))
    await receive(machine('a'))
    await until(() => said(machine('a')))
    await receive(node('next'))
    // When it is taken there is but one: a process that begins now finds no other.
    expect((await DocumentStore.open(dir, log)).list().map(({ document }) => document.uid)).toEqual(['a', 'next'])
    await until(() => said(node('next')))
    await quiet()
    expect(said(node('old'))).toBeUndefined()
    expect(runtime.list('node').map(({ uid }) => uid)).toEqual(['next'])
    expect((await DocumentStore.open(dir, log)).find('node', 'old')).toBeUndefined()
    expect(runtime.find('instance', 'a')).toBeDefined()
    expect(said(machine('a'))?.state).toBe('running')
    answers.clear()
    // Its tombstone takes nobody's place.
    await receive(gone(node('old')))
    await until(() => store.find('node', 'old')?.done)
    expect(runtime.list('node').map(({ uid }) => uid)).toEqual(['next'])
  })
})

test('orphans are what carries our mark and no document knows, or one that is done', async () => {
  await begin('image', 'instance')
  await receive(machine('known'))
  await receive(gone(machine('done')))
  await until(() => store.find('instance', 'done')?.done)
  const orphan = (kind: DocumentKind, uid: string): Orphan => ({ kind, uid, what: 'x' })
  owned = [
    ...[orphan('instance', 'z'), orphan('instance', 'known'), orphan('instance', 'done')],
    ...[orphan('image', 'y'), orphan('instance', 'a')],
  ]
  const { orphans, unlisted } = await runtime.listOrphans(() => undefined)
  expect(unlisted).toEqual([])
  expect(orphans.map(({ kind, uid }) => `${kind}.${uid}`)).toEqual([
    ...['image.y', 'instance.a', 'instance.done', 'instance.z'],
  ])
})

describe('who goes first', () => {
  /** The ordinary slots of machines are taken by runs that hang. */
  async function fill(): Promise<void> {
    for (let ns = 0; ns < 24; ns++) {
      answers.set(`stuck-${ns}`, (_, { signal }) => {
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
      })
      await receive(machine(`stuck-${ns}`, 1, { namespace: `ns-${ns}` }))
    }
    await until(() => runs.length === 24)
    runs = []
  }

  test('a tombstone, also of a process that begins with it', async () => {
    await begin('instance')
    answers.set('a', () => ({ state: 'failed' }))
    await fill()
    await receive(gone(machine('a')))
    await ran('-instance.a 2')
    await restart()
    await begin('instance')
    await until(() => runs.length === 25)
    expect(runs).toContain('-instance.a 2')
  })

  test('a change of power until it is carried out, and only until then; how long who waits is told', async () => {
    await begin('instance')
    await receive(machine('a'))
    await ran('instance.a 1')
    await fill()
    answers.set('a', () => Promise.reject(new TransientError('Busy', 'not now')))
    const off = { ...machine('a', 2), spec: { ...machine('a').spec, runState: 'Stopped' as const } }
    await receive(off)
    await ran('instance.a 2')
    // What failed is as urgent as before.
    answers.clear()
    await clock.advance(500)
    await ran('instance.a 2')
    wakes.get('instance')!.one('a')
    await ran()
    expect(runtime.load()).toMatchObject({ urgent: 0, waiting: 1, oldestSeconds: 0 })
    await clock.advance(4_000)
    expect(runtime.load()).toEqual({ urgent: 0, waiting: 1, long: 0, oldestSeconds: 4 })
  })
})
