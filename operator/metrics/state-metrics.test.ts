// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { Registry } from 'prom-client'
import type { KubeObject } from '../../lib/kube/object.ts'
import type { ChangeHandler } from '../../lib/informer/informer.ts'
import { registerStateMetrics } from './state-metrics.ts'

test('objects are counted by their state, as they change', async () => {
  const handlers = new Map<string, ChangeHandler<KubeObject>>()
  const informer = (plural: string) => ({
    kind: { plural },
    onChange: (handler: ChangeHandler<KubeObject>) => void handlers.set(plural, handler),
  })
  const registry = new Registry()
  const kinds = Object.fromEntries(['instances', 'images', 'ports', 'volumes'].map((k) => [k, informer(k)]))
  registerStateMetrics(registry, kinds as never)
  const tell = handlers.get('instances')!
  const machine = (state?: string) => ({ metadata: { name: 'a' }, status: { state } }) as unknown as KubeObject
  const read = async () => (await registry.metrics()).split('\n').filter((line) => line.startsWith('nephele_')).sort() // prettier-ignore
  expect(await read()).toEqual([])
  tell({ old: undefined, object: machine() })
  tell({ old: undefined, object: machine('ACTIVE') })
  expect(await read()).toEqual([
    'nephele_objects{resource="instances",state="ACTIVE"} 1',
    'nephele_objects{resource="instances",state="new"} 1',
  ])
  tell({ old: machine(), object: machine('BUILD') })
  tell({ old: machine('BUILD'), object: machine('BUILD') })
  tell({ old: machine('BUILD'), object: machine('ACTIVE') })
  handlers.get('ports')!({ old: undefined, object: machine('DOWN') })
  // What was there once is shown as none, not left as it was.
  expect(await read()).toEqual([
    'nephele_objects{resource="instances",state="ACTIVE"} 2',
    'nephele_objects{resource="instances",state="BUILD"} 0',
    'nephele_objects{resource="instances",state="new"} 0',
    'nephele_objects{resource="ports",state="DOWN"} 1',
  ])
  tell({ old: machine('ACTIVE'), object: undefined })
  expect(await read()).toContain('nephele_objects{resource="instances",state="ACTIVE"} 1')
})
