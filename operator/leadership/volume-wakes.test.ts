// SPDX-License-Identifier: Apache-2.0
// What wakes a volume that waits for who had it, with the timers off.
import { expect, test } from '@jest/globals'
import type { Volume } from '../../lib/api/types.ts'
import type { InstanceDocument } from '../../lib/contract/documents.ts'
import { without } from '../testing/answers.ts'
import { machine, machineWorld, step } from '../testing/machine-world.ts'
import { stored } from '../testing/memory-deps.ts'
import { ns, QuietCloud } from '../testing/quiet-cloud.ts'
import { connectSources } from '../testing/connect-sources.ts'
import type { Controllers } from './look-again.ts'

test('a document that is stored with other volumes wakes those of its machine: the node may have answered it already', async () => {
  const w = machineWorld()
  const i = machine({ networks: [] })
  await step(w, i)
  await step(w, i)
  for (const [name, uid] of [
    ['disk', i.metadata.uid],
    ['other', 'uid-of-another'],
  ] as const) {
    const attachedTo = { name: 'x', uid, node: 'c1' }
    w.put('volumes', stored<Volume>(name, { sizeGiB: 1 }, { status: { node: 's1', attachedTo } }))
  }
  const woken: string[] = []
  const controllers = new Proxy({} as Controllers, {
    get: (_, name: string) => ({ enqueue: (key: string) => void woken.push(`${name} ${key}`) }),
  })
  connectSources(w, controllers)
  const { node = '' } = i.status ?? {}
  const document = w.bus.desired.documents.get(`${node}.instance.${i.metadata.uid}`) as InstanceDocument
  const withVolumes = (generation: number, uids: string[]): InstanceDocument => ({
    ...document,
    versions: { ...document.versions, generation },
    spec: {
      ...document.spec,
      volumes: uids.map((uid) => ({
        uid,
        name: 'disk',
        connection: { protocol: 'nbd', host: 'h', port: 1, exportName: 'e', tls: true },
      })) as never,
    },
  })
  await w.bus.desired.publish(withVolumes(2, ['uid-disk']))
  expect(woken).toEqual(['volumes ns/disk'])
  await w.bus.desired.publish(withVolumes(3, []))
  expect(woken).toEqual(['volumes ns/disk', 'volumes ns/disk'])
  // The same volumes are no news.
  await w.bus.desired.publish(withVolumes(4, []))
  expect(woken).toHaveLength(2)
})

test('a node that is given up frees the volume of a machine that has no resource any more', async () => {
  const c = await QuietCloud.furnished()
  c.volume('disk')
  c.vm('vm', { volumes: [{ volumeRef: { name: 'disk' } }] })
  await c.operator.rest()
  const disk = () => (c.operator.get('volumes', ns('disk')) as Volume).status
  const node = c.nodeOf('vm')
  expect(disk()?.attachedTo).toMatchObject({ name: 'vm', node })
  c.drop('instances', 'vm')
  await c.operator.rest()
  // Nobody told the node to let go: it may have it still.
  expect(disk()?.attachedTo).toMatchObject({ name: 'vm', node })
  c.set('computeNodes', node, { lost: 'Confirmed' })
  await c.operator.rest()
  expect(disk()).toMatchObject({ state: 'available' })
  expect(disk()).not.toHaveProperty('attachedTo')
})

test('the image goes to the machine’s node beside the volume, and the machine when its volume is there', async () => {
  const cloud = await QuietCloud.furnished()
  const { operator } = cloud
  operator.answer = without('volume')
  cloud.volume('disk')
  cloud.vm('vm', { volumes: [{ volumeRef: { name: 'disk' } }] })
  await operator.rest()
  const node = cloud.nodeOf('vm')
  const told = (on: string) =>
    [...operator.world.bus.desired.documents.values()]
      .filter((document) => document.node === on)
      .map(({ kind }) => kind)
      .sort()
  expect([told(node), told('s1')]).toEqual([
    ['image', 'node', 'port'],
    ['image', 'node', 'volume'],
  ])
  expect(operator.reason('instances', ns('vm'))).toBe('VolumeNotReady')
  cloud.answersAll()
  await operator.rest()
  expect(told(node)).toEqual(['image', 'instance', 'node', 'port'])
  expect(operator.reason('instances', ns('vm'))).toBe('Ready')
})
