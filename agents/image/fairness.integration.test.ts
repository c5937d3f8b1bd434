// SPDX-License-Identifier: Apache-2.0
// The attack: image servers that send a byte a second, and never end.
import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { DesiredDocument, ImageDocument } from '../../lib/contract/documents.ts'
import { createLogger } from '../../lib/log.ts'
import { until } from '../../lib/time/until.ts'
import { instanceDocument, tombstoneOf } from '../compute/testing.ts'
import { DocumentStore } from '../runtime/document-store.ts'
import { NodeRuntime } from '../runtime/node-runtime.ts'
import type { KindReconciler } from '../runtime/reconciler.ts'
import { Reporter } from '../runtime/reporter.ts'
import { createImageRole } from '../roles/image-role.ts'
import type { SourceLimits } from './source.ts'
import { localSettings } from './testing/local-settings.ts'
import { sampleRaw } from './testing/qcow2-samples.ts'

const log = createLogger('test', 'silent')
const small = sampleRaw(64 * 1024, 3)
const sha256 = createHash('sha256').update(small).digest('hex')

let dir: string
let server: Server
let dripping: number
let runtime: NodeRuntime
let reporter: Reporter
let removed: string[]

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nephele-fair-'))
  removed = []
  dripping = 0
  server = createServer((request, response) => {
    if (request.url === '/small') {
      response.end(small)
      return
    }
    dripping += 1
    response.writeHead(200, { 'content-length': String(2 ** 30), etag: '"1"' })
    response.write('x')
    const timer = setInterval(() => response.write('x'), 100)
    response.once('close', () => {
      dripping -= 1
      clearInterval(timer)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  await runtime.stop()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await rm(dir, { recursive: true, force: true })
})

async function start(limits: Partial<SourceLimits> = {}): Promise<void> {
  reporter = new Reporter({ outbox: { connected: false, publish: async () => undefined }, log })
  const store = await DocumentStore.open(join(dir, 'documents'), log)
  runtime = new NodeRuntime({ node: 'n1', bootId: 'b', store, reporter, log })
  const role = createImageRole({
    dataDir: dir,
    log,
    limits,
    settings: localSettings(),
    cache: { keepFreeBytes: 0 },
  })
  const [images] = role.reconcilers
  await runtime.add(images)
  const machines: KindReconciler<'instance'> = {
    kind: 'instance',
    reconcile: async () => ({ state: 'running' }),
    remove: async ({ uid }) => {
      removed.push(uid)
      return { state: 'gone' }
    },
    listOwned: async () => [],
  }
  await runtime.add(machines as unknown as KindReconciler)
  runtime.start()
}

const receive = (document: DesiredDocument) => runtime.receive(document, Buffer.from(JSON.stringify(document)))
const image = (uid: string, namespace: string, path: string, more: object = {}): ImageDocument => ({
  v: 1,
  kind: 'image',
  uid,
  node: 'n1',
  namespace,
  name: uid,
  versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
  tombstone: false,
  spec: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, format: 'raw', ...more },
})
const stateOf = (uid: string) => reporter.find({ node: 'n1', kind: 'image', uid })

test('sixteen dripping sources keep nobody from anything: deletes, machines, and imports of others', async () => {
  await start()
  for (let i = 0; i < 16; i++) await receive(image(`drip-${i}`, 'mallory', `/drip${i}`))
  await until(() => dripping >= 2)
  // All of them left their slots: nothing waits for one.
  await until(() => runtime.load().long === 16)
  const victim = instanceDocument({ uid: 'victim' })
  await receive(victim)
  await until(() => reporter.find(victim)?.state === 'running')
  await receive({ ...tombstoneOf(victim), versions: { ...victim.versions, generation: 2 } })
  await until(() => removed.includes('victim'))
  await receive(image('other', 'team-b', '/small'))
  await until(() => stateOf('other')?.state === 'ready')
  expect(stateOf('other')?.facts.sha256).toBe(sha256)
  // The attacker's own ones wait for each other.
  expect(dripping).toBe(2)
})

test('a source that drips loses its place, is told so, and waits longer each time', async () => {
  await start({ slowWindowMs: 300 })
  for (let i = 0; i < 3; i++) await receive(image(`drip-${i}`, 'mallory', `/drip${i}`))
  await receive(image('own', 'mallory', '/small'))
  await until(() => stateOf('own')?.state === 'ready', 'its own small image', 10_000)
  await until(() => stateOf('drip-0')?.state === 'failed')
  expect(stateOf('drip-0')?.error).toMatchObject({
    reason: 'DownloadTooSlow',
    message: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/drip0 sends less than 64 KiB a second over 0\.3 s/),
    terminal: false,
  })
})
