// SPDX-License-Identifier: Apache-2.0
// ImageStores wait for their nodes, Images of snapshots for what makes them and for the nodes of their store.
import { saysOf, wellAnswered, without } from '../answers.ts'
import { ns, POOL, type QuietCloud, type Where } from '../quiet-cloud.ts'
import type { WaitRow } from './row.ts'

const store: Where = ['imageStores', { name: 'main' }]
const image: Where = ['images', ns('again')]
const action: Where = ['instanceActions', ns('again')]
const FOLDER = { name: 'main', driver: 'file', totalGiB: 100, freeGiB: 100 }

const report = (c: QuietCloud, node: string, more: object = {}) =>
  c.operator.report(node, { pools: [POOL], imageStores: [{ ...FOLDER, ...more }] })
const snapshot = (c: QuietCloud) =>
  c.make('instanceActions', 'again', { instanceRef: { name: 'vm' }, type: 'Snapshot' })
/** Of a machine that runs. */
const begun = async (c: QuietCloud) => {
  c.imageStore('main', ['s1'], { default: true })
  c.vm('vm')
  await c.operator.rest()
  snapshot(c)
}
/** The node has not begun with what its machine's document asks for. */
const notBegun = saysOf('instance', (document) => {
  const { facts = {}, ...said } = wellAnswered(document) ?? {}
  return { ...said, facts: { ...facts, action: undefined } }
})

export const IMAGE_STORE_ROWS: WaitRow[] = [
  {
    ...{ reason: 'NoStorageNode', where: store },
    waits: (c) => c.make('imageStores', 'main', { nodeSelector: { matchLabels: { disk: 'hdd' } } }),
    ends: (c) => {
      c.label('s1', { disk: 'hdd' })
      report(c, 's1')
    },
  },
  {
    ...{ reason: 'StoreNotReported', where: store },
    waits: (c) => c.make('imageStores', 'main'),
    ends: (c) => report(c, 's1'),
  },
  {
    ...{ reason: 'StoreBroken', where: store },
    waits: (c) => {
      c.make('imageStores', 'main')
      report(c, 's1', { error: 'not mounted' })
    },
    ends: (c) => report(c, 's1'),
  },
  {
    ...{ reason: 'TooFewNodes', where: store },
    waits: (c) => c.imageStore('main', ['s1'], { copies: 2 }),
    ends: (c) => {
      c.label('c1', { 'nephele.dev/storage': 'true' })
      report(c, 'c1')
    },
  },
  {
    ...{ reason: 'NodeSilent', where: store },
    waits: async (c) => {
      c.imageStore('main', ['s1'])
      await c.operator.rest()
      c.operator.silence('s1')
    },
    ends: (c) => c.operator.beat('s1'),
  },
  {
    ...{ reason: 'Capturing', where: image },
    waits: async (c) => {
      c.operator.answer = notBegun
      await begun(c)
    },
    ends: (c) => c.answersAll(),
  },
  {
    ...{ reason: 'NoStorageNode', where: image },
    waits: async (c) => {
      c.imageStore('main', ['s1'], { default: true, nodeSelector: { matchLabels: { disk: 'hdd' } } })
      c.vm('vm')
      await c.operator.rest()
      snapshot(c)
    },
    ends: (c) => {
      c.label('s1', { disk: 'hdd' })
      report(c, 's1', { freeGiB: 50 })
    },
  },
  ...[image, action].map((where): WaitRow => ({
    ...{ reason: 'Storing', where, ...(where === action ? { next: 'Succeeded' } : {}) },
    waits: async (c) => {
      c.operator.answer = without('imagecopy')
      await begun(c)
    },
    ends: (c) => c.answersAll(),
  })),
]
