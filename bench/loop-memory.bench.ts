// SPDX-License-Identifier: Apache-2.0
// Heap of the caches, without an apiserver: the same lists go through our informer and through client-node's. The figure `memory` of the
// whole operator is another bench.
import {
  ListWatch as PeerListWatch,
  type KubernetesListObject,
  type KubernetesObject,
  type Watch,
} from '@kubernetes/client-node'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { KubeList, WatchEvent } from '../lib/kube/client.ts'
import type { KubeObject, ResourceKind } from '../lib/kube/object.ts'
import { createLogger } from '../lib/log.ts'
import { systemClock } from '../lib/time/clock.ts'
import { Interner } from '../lib/informer/intern.ts'
import { ListWatch } from '../lib/informer/list-watch.ts'
import { toFigure, type Figure } from './harness/figure.ts'

export const about = 'heap of 10,000 cached instances: our informer against the ListWatch of @kubernetes/client-node'

const OBJECTS = 10_000
const PAGE = 500
const INSTANCE: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'instances',
  kind: 'Instance',
  namespaced: true,
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

async function heapMiB(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collectGarbage()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed / 2 ** 20
}

/** An instance as the apiserver sends it, eight conditions and managedFields included. */
function instanceJson(i: number): string {
  const name = `machine-${i}`
  const time = '2026-01-01T00:00:00Z'
  const uid = `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`
  const stages = ['Admitted', 'Scheduled', 'ImageCached', 'NetworkAttached', 'VolumesAttached', 'Booted', 'Ready']
  const conditions = stages.map((type) => ({
    type,
    status: 'True',
    reason: `${type}Done`,
    message: `${type} is as the spec wants it`,
    observedGeneration: 1,
    lastTransitionTime: time,
  }))
  const fields = Object.fromEntries(
    stages.map((s) => [`k:{"type":"${s}"}`, { '.': {}, 'f:reason': {}, 'f:status': {}, 'f:message': {} }]),
  )
  return JSON.stringify({
    apiVersion: 'nephele.dev/v1alpha1',
    kind: 'Instance',
    metadata: {
      name,
      namespace: `project-${i % 7}`,
      uid,
      resourceVersion: String(100_000 + i),
      generation: 1,
      creationTimestamp: time,
      finalizers: ['nephele.dev/instance'],
      labels: { 'app.kubernetes.io/part-of': 'shop' },
      managedFields: [
        {
          manager: 'nephele',
          operation: 'Update',
          apiVersion: 'nephele.dev/v1alpha1',
          time,
          fieldsV1: { 'f:status': { 'f:conditions': fields } },
        },
      ],
    },
    spec: {
      flavorRef: { name: 'small' },
      imageRef: { name: 'debian-13' },
      networks: [{ networkRef: { name: 'default' } }],
      runState: 'Running',
      restartPolicy: 'OnFailure',
      evacuation: 'Never',
      configDrive: false,
    },
    status: {
      observedGeneration: 1,
      state: 'ACTIVE',
      node: `node-${i % 50}`,
      epoch: 1,
      flavor: { vcpus: 2, memoryMiB: 4096, rootDiskGiB: 20, ephemeralGiB: 0, swapMiB: 0 },
      addresses: [
        {
          network: 'default',
          ipAddress: `10.0.${i >> 8}.${i & 255}`,
          macAddress: `fa:16:3e:00:${i >> 8}:${i & 255}`,
          port: `${name}-0`,
        },
      ],
      scheduling: {
        node: `node-${i % 50}`,
        total: 1.5,
        evaluated: 50,
        filters: [{ name: 'RamFilter', refused: 3, example: 'node-3' }],
      },
      conditions,
    },
  })
}

function pageJson(from: number, to: number): string {
  const items = Array.from({ length: to - from }, (_, i) => instanceJson(from + i)).join(',')
  const more = to < OBJECTS ? `,"continue":"${to}"` : ''
  return `{"metadata":{"resourceVersion":"200000"${more}},"items":[${items}]}`
}

function readPage(from: number): KubeList<KubeObject> {
  const page = JSON.parse(pageJson(from, Math.min(OBJECTS, from + PAGE))) as KubeList<KubeObject>
  for (const item of page.items) (item.metadata as { managedFields?: unknown }).managedFields = undefined // as our client does
  return page
}

async function measureOurs(): Promise<{ heap: number; ms: number }> {
  const before = await heapMiB()
  const abort = new AbortController()
  const client = {
    listPage: async (_kind: unknown, options?: { continue?: string }) => readPage(Number(options?.continue ?? 0)),
    async *watch(): AsyncGenerator<WatchEvent<KubeObject>, void> {
      await new Promise((resolve) => abort.signal.addEventListener('abort', resolve))
      yield* []
    },
  }
  const log = createLogger('bench', 'silent')
  const indexes = { node: (o: KubeObject) => [(o.status as { node: string }).node] }
  const deps = { client: client as never, clock: systemClock, log, interner: new Interner() }
  const informer = new ListWatch<KubeObject>(INSTANCE, { indexes }, deps)
  const startedAt = performance.now()
  const running = informer.run(abort.signal)
  await informer.whenSynced()
  const ms = performance.now() - startedAt
  const heap = (await heapMiB()) - before
  if (informer.cache.size !== OBJECTS) throw new Error(`cached ${informer.cache.size}`)
  abort.abort()
  await running
  return { heap, ms }
}

async function measurePeer(): Promise<{ heap: number; ms: number }> {
  const before = await heapMiB()
  const watch = { watch: async () => new AbortController() } as unknown as Watch
  const list = async () => JSON.parse(pageJson(0, OBJECTS)) as KubernetesListObject<KubernetesObject>
  const peer = new PeerListWatch('/apis/nephele.dev/v1alpha1/instances', watch, list, false)
  const startedAt = performance.now()
  await peer.start()
  const ms = performance.now() - startedAt
  const heap = (await heapMiB()) - before
  if (peer.list().length !== OBJECTS) throw new Error('the peer lost objects')
  await peer.stop()
  return { heap, ms }
}

export async function run(): Promise<Figure[]> {
  const peer = await measurePeer()
  const ours = await measureOurs()
  const common = { bench: 'loop-memory', n: OBJECTS }
  const name = 'client-node ListWatch'
  const pass = ours.heap <= 20
  return [
    toFigure({
      ...common,
      metric: 'heap',
      value: ours.heap,
      unit: 'MiB',
      peer: { name, value: peer.heap },
      target: { text: '≤ 20 MiB', pass },
    }),
    toFigure({ ...common, metric: 'list', value: ours.ms, unit: 'ms', peer: { name, value: peer.ms } }),
  ]
}
