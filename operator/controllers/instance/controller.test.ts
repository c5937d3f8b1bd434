// SPDX-License-Identifier: Apache-2.0
// Which changes wake a machine, which of its own are urgent, and what is forgotten with it.
import { describe, expect, test } from '@jest/globals'
import type { Instance, Port, Secret, Subnet } from '../../../lib/api/types.ts'
import { USER_DATA_LABEL } from '../../../lib/api/kinds.ts'
import type { KubeObject } from '../../../lib/kube/object.ts'
import { MemoryCluster } from '../../testing/memory-cluster.ts'
import { machine, parts, putNode } from '../../testing/machine-world.ts'
import { stored } from '../../testing/memory-deps.ts'
import { instanceController } from './controller.ts'
import { withKindWakes } from '../../kind/kind-wakes.ts'
import { runAsLoop } from '../../testing/as-the-loop.ts'

const MAC = 'fa:16:3e:00:00:01'

function world() {
  const cluster = new MemoryCluster()
  const { world: w } = cluster
  const informers = cluster.informers()
  const definition = withKindWakes(instanceController(w.deps, informers), w.deps, informers)
  const wake = (kind: string, object: KubeObject): string[] => {
    const watches = (definition.watches ?? []).filter(({ source }) => source.kind.kind === kind)
    return watches.length === 0 ? ['no watch'] : watches.flatMap(({ keys }) => [...keys(object as never)])
  }
  return { w, definition, wake }
}

describe('a machine is woken by what it names', () => {
  const named = machine(
    {
      flavorRef: { name: 'a' },
      imageRef: { name: 'a' },
      keyPairRef: { name: 'a' },
      networks: [{ networkRef: { name: 'a' }, macAddress: MAC }, { portRef: { name: 'a' } }],
      volumes: [{ volumeRef: { name: 'a' } }],
    },
    { status: { pendingReleases: [{ node: 'a', epoch: 1 }] } },
  )
  const other = machine({ flavorRef: { name: 'b' }, imageRef: { name: 'b' }, networks: [] }, { uid: 'uid-2' })
  const at = (name: string, spec: object = {}, namespace = 'ns') => stored<KubeObject>(name, spec, { namespace })
  const subnet = (network: string) => stored<Subnet>('s', { networkRef: { name: network }, cidr: '10.0.0.0/24' })
  const port = (name: string, network: string, mac: string) =>
    stored<Port>(name, { networkRef: { name: network }, macAddress: mac })
  test.each<[string, KubeObject, boolean]>([
    ...['Flavor', 'ComputeNode'].flatMap((kind): [string, KubeObject, boolean][] =>
      ['a', 'c'].map((name) => [kind, at(name, {}, ''), name === 'a']),
    ),
    ...['a', 'c'].map((name): [string, KubeObject, boolean] => ['Image', at(name, parts.image().spec), name === 'a']),
    ...['KeyPair', 'Network', 'Volume'].flatMap((kind): [string, KubeObject, boolean][] =>
      ['a', 'c'].map((name) => [kind, at(name), name === 'a']),
    ),
    ['Subnet', subnet('a'), true],
    ['Subnet', subnet('c'), false],
    ['Port', port('a', 'x', 'fa:16:3e:00:00:09'), true],
    ['Port', port('x', 'a', MAC), true],
    ['Port', port('x', 'a', 'fa:16:3e:00:00:09'), false],
    ['Port', port('x', 'x', MAC), false],
  ])('%s %#', (kind, object, isWoken) => {
    const { w, wake } = world()
    w.put('instances', named)
    w.put('instances', { ...other, metadata: { ...other.metadata, name: 'other' } })
    expect(wake(kind, object)).toEqual(isWoken ? ['ns/vm'] : [])
  })
})

test.each<[string, Instance['status'], boolean]>([
  ['is there', { node: 'c1', observedGeneration: 1 }, true],
  ['is there, and was not looked at', { node: 'c1' }, true],
  ['is there as it was', { node: 'c1', observedGeneration: 2 }, false],
  ['has no place', { observedGeneration: 1 }, false],
  ['has nothing yet', undefined, false],
])('what was changed of a machine that %s is urgent: %j', (_, status, isUrgent) => {
  const instance = machine({}, { generation: 2, ...(status ? { status } : {}) })
  expect(world().definition.isUrgent?.(instance)).toBe(isUrgent)
})

test('what can only be mended by a person shows as ERROR', async () => {
  const { w, definition } = world()
  const instance = machine({ networks: [], userData: 'x'.repeat(65 * 1024) })
  w.put('flavors', parts.flavor())
  w.put('images', parts.image())
  await expect(runAsLoop(definition, instance, w.run)).rejects.toMatchObject({ reason: 'UserDataTooLarge' })
  expect(instance.status?.state).toBe('ERROR')
})

test('with the machine its user data and its place among those that wait are forgotten', async () => {
  const { w, definition } = world()
  putNode(w, 'c1')
  const instance = machine({ userDataSecretRef: { name: 's' } })
  let secret: Secret | undefined = {
    metadata: { name: 's', uid: 's', resourceVersion: '1', labels: { [USER_DATA_LABEL]: 'true' } },
    data: { userData: 'aQ==' },
  }
  const find = () => w.deps.userData.find(instance, { find: (async () => secret) as never }, w.run.signal)
  await find()
  w.deps.waitingRoom.enter('ns/vm')
  definition.forget?.('ns/vm', instance)
  secret = undefined
  expect(await find()).toMatchObject({ ok: false })
  expect(w.deps.waitingRoom.size).toBe(0)
})
