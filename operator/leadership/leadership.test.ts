// SPDX-License-Identifier: Apache-2.0
// A leader's start is one step a turn of the event loop: of a large cloud each is long, and between them its Lease is renewed.
import { expect, test } from '@jest/globals'
import type { Fence } from '../../lib/leader/fence.ts'
import type { Informer } from '../../lib/informer/informer.ts'
import type { Informers } from '../../lib/informer/informers.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import type { ResourceKind } from '../../lib/kube/object.ts'
import { createLogger } from '../../lib/log.ts'
import { LoopMetrics } from '../../lib/loop/metrics.ts'
import { until } from '../../lib/time/until.ts'
import { KIND_NAMES } from '../kinds.ts'
import type { OperatorInformers } from '../kind/row.ts'
import { StoreHistory } from '../restore-guard/store-history.ts'
import { QuietOperator } from '../testing/quiet-operator.ts'
import { lead } from './leadership.ts'

/** Counts turns of the event loop. */
class Turns {
  now = 0
  #next = setImmediate(() => this.#tick())

  #tick(): void {
    this.now++
    this.#next = setImmediate(() => this.#tick())
  }

  stop(): void {
    clearImmediate(this.#next)
  }
}

test('each step of a leader’s start has a turn of its own: what follows the caches, the answered tombstones, each controller', async () => {
  const operator = new QuietOperator()
  const { world } = operator
  const turns = new Turns()
  /** In which turns something subscribes to the kind, and in which its controller does. */
  const [followed, begun] = [new Map<string, number[]>(), new Map<string, number[]>()]
  const noting = (name: string, informer: Informer, turnsOf: Map<string, number[]>) => {
    const onChange: typeof informer.onChange = (listener) => {
      turnsOf.set(name, [...(turnsOf.get(name) ?? []), turns.now])
      return informer.onChange(listener)
    }
    return Object.assign(Object.create(informer) as typeof informer, { onChange })
  }
  const all = Object.entries(operator.informers()) as [string, Informer][]
  const watched = Object.fromEntries(all.map(([name, one]) => [name, noting(name, one, followed)]))
  const own = new Map(all.map(([name, one]) => [name, noting(name, one, begun)]))
  const considered: number[] = []
  const list = world.bus.desired.list.bind(world.bus.desired)
  world.bus.desired.list = () => {
    considered.push(turns.now)
    return list()
  }

  const end = new AbortController()
  const fence: Fence = { term: 1, assertLeader: () => undefined, remainingMs: () => 60_000, signal: end.signal }
  const leading = lead(fence, {
    ...{ client: world.run.client, namespace: 'nephele-system', settings: {} },
    watched: watched as unknown as OperatorInformers,
    informers: {
      whenCertain: () => Promise.resolve(),
      observing: (client: KubeClient) => client,
      of: (kind: ResourceKind) => own.get(operator.cacheOf(kind)),
    } as unknown as Informers,
    ...{ events: { record: () => undefined }, metrics: new LoopMetrics(), log: createLogger('test', 'silent') },
    ...{ history: new StoreHistory(() => 1), makeBus: () => world.bus, makeNetwork: () => world.network },
  })
  await until(() => begun.size === KIND_NAMES.length)
  turns.stop()
  end.abort()
  await leading

  const [caches = NaN] = followed.get('ipClaims') ?? []
  const [notices = NaN] = followed.get('instanceActions') ?? []
  const [cloud, regressed] = (followed.get('clouds') ?? []).filter((turn) => turn > notices)
  const [tombstones] = considered.filter((turn) => turn > (regressed ?? NaN))
  const steps = [caches, notices, cloud, regressed, tombstones, ...[...begun.values()].flat()]
  expect(steps).toHaveLength(5 + KIND_NAMES.length)
  expect(steps).toEqual([...new Set(steps)].sort((a = NaN, b = NaN) => a - b))
})
