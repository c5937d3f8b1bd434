// SPDX-License-Identifier: Apache-2.0
// Where a port is plugged, where it may be plugged still, and from where it has to be taken before it goes.
import { describe, expect, test } from '@jest/globals'
import type { Instance, Port } from '../../../lib/api/types.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { listFormerPlaces, listPlaces, planBinding } from './binding.ts'
import { portDocument } from './document.ts'

type Status = NonNullable<Port['status']>
const at = (node: string, epoch: number) => ({ node, epoch })
const vm = (name: string, status: Instance['status'], more: object = {}) =>
  stored<Instance>(
    name,
    { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, networks: [{ portRef: { name: 'p' } }] },
    { status, ...more },
  )
const heldBy = (name: string) => ({ name, uid: `uid-${name}` })
const own = (status: Status = {}) => stored<Port>('p', { networkRef: { name: 'lan' } }, { status })
const automatic = (status: Status = {}) => own({ origin: 'Instance', owner: heldBy('vm'), ...status })

function world(...machines: Instance[]): MemoryWorld {
  const w = memoryWorld()
  for (const machine of machines) w.put('instances', machine)
  return w
}

describe('an automatic port', () => {
  test.each<[string, Instance[], object]>([
    ['is plugged where its machine is', [vm('vm', at('c1', 3))], { kind: 'stands', binding: { ...at('c1', 3) } }],
    [
      'waits for its machine’s node',
      [vm('vm', {})],
      { kind: 'unplaced', message: 'waiting for a node for Instance vm' },
    ],
    ['and for that place’s epoch', [vm('vm', { node: 'c1' })], { kind: 'unplaced' }],
    ['is nobody’s without its machine', [vm('other', at('c1', 3))], { kind: 'unplaced' }],
  ])('%s', (_, machines, plan) => {
    expect(planBinding(automatic(), world(...machines).deps)).toMatchObject(plan)
  })

  const moving = (...pendingReleases: { node: string; epoch: number }[]) => ({ pendingReleases })
  test.each<[string, Status, Instance['status'] | undefined, object[]]>([
    ['of a machine that stays', at('c1', 3), at('c1', 3), []],
    ['of a machine that has moved', at('c1', 3), at('c2', 4), [at('c1', 3)]],
    ['of one that is on its way', at('c1', 3), { epoch: 3, ...moving(at('c1', 3)) }, [at('c1', 3)]],
    ['of one that moved twice', at('c2', 4), { ...at('c3', 5), ...moving(at('c1', 3)) }, [at('c1', 3), at('c2', 4)]],
    [
      'of one that is back where it was',
      at('c1', 3),
      { ...at('c1', 5), ...moving(at('c1', 3), at('c2', 4)) },
      [at('c2', 4)],
    ],
    ['the newest of each place', at('c1', 3), { ...at('c2', 5), ...moving(at('c1', 4)) }, [at('c1', 4)]],
    ['without its machine', at('c1', 3), undefined, [at('c1', 3)]],
    ['that was never plugged', {}, at('c1', 3), []],
  ])('former places %s', (_, status, machine, places) => {
    const w = machine ? world(vm('vm', machine)) : world()
    expect(listFormerPlaces(automatic(status), w.deps)).toEqual(places)
  })
})

describe('a port of one’s own', () => {
  const a = (status: Instance['status'], more: object = {}) => vm('a', status, more)
  const b = (status: Instance['status']) => vm('b', status)
  const nowhere = { kind: 'stands', binding: undefined }
  const left = { kind: 'decided', binding: undefined }
  const plugged = (name: string, node: string, epoch: number) => ({
    binding: { node, epoch, instance: { metadata: { name } } },
  })
  test.each<[string, Status, Instance[], object]>([
    ['without a machine is nowhere', {}, [], nowhere],
    ['whose machine has gone is nobody’s', { instance: heldBy('a'), ...at('c1', 1) }, [], left],
    ['whose machine has gone before it had a place', { instance: heldBy('a') }, [], left],
    ['that is somewhere for nobody leaves', at('c1', 1), [], left],
    ['goes to its first machine', {}, [a(at('c1', 7))], { kind: 'decided', ...plugged('a', 'c1', 1) }],
    [
      'stays there',
      { instance: heldBy('a'), ...at('c1', 1) },
      [a(at('c1', 7))],
      { kind: 'stands', ...plugged('a', 'c1', 1) },
    ],
    [
      'goes with it',
      { instance: heldBy('a'), ...at('c1', 1) },
      [a(at('c2', 8))],
      { kind: 'decided', ...plugged('a', 'c2', 2) },
    ],
    [
      'goes to the next machine of the same node under another epoch',
      { instance: heldBy('a'), ...at('c1', 1) },
      [b(at('c1', 7))],
      { kind: 'decided', ...plugged('b', 'c1', 2) },
    ],
    ['is nobody’s yet while its only machine has no place', {}, [a({})], nowhere],
    ['is kept for its machine that has none', { instance: heldBy('a') }, [a({})], nowhere],
    [
      'is kept for its machine that leaves',
      { instance: heldBy('a'), ...at('c1', 1) },
      [a({ epoch: 7, pendingReleases: [at('c1', 7)] })],
      { ...left, keptFor: { metadata: { name: 'a' } } },
    ],
    [
      'passes over a machine that is being deleted',
      {},
      [a(at('c1', 7), { deleted: true }), b(at('c2', 7))],
      { kind: 'decided', ...plugged('b', 'c2', 1) },
    ],
  ])('%s', (_, status, machines, plan) => {
    const found = planBinding(own(status), world(...machines).deps)
    expect(found).toMatchObject(plan)
    if (!('keptFor' in plan)) expect(found).not.toHaveProperty('keptFor')
  })

  test.each<[string, Status, Instance[], object[]]>([
    ['while its machine is there', { instance: heldBy('a'), ...at('c1', 1) }, [a(at('c1', 7))], []],
    ['once its machine is elsewhere', { instance: heldBy('a'), ...at('c1', 1) }, [a(at('c2', 8))], [at('c1', 1)]],
    ['once its machine is gone', { instance: heldBy('a'), ...at('c1', 1) }, [b(at('c1', 7))], [at('c1', 1)]],
    ['of nobody’s', at('c1', 1), [], [at('c1', 1)]],
    ['of one that is nowhere', { instance: heldBy('a') }, [a(at('c1', 7))], []],
  ])('former places %s', (_, status, machines, places) => {
    expect(listFormerPlaces(own(status), world(...machines).deps)).toEqual(places)
  })
})

describe('all places, for its deletion', () => {
  test('those of its machine, its own, and where it was wanted and is known of', async () => {
    const machine = vm('vm', { ...at('c2', 5), pendingReleases: [at('c1', 2), at('c4', 4)] })
    const w = world(machine)
    expect(listPlaces(automatic(at('c1', 3)), w.deps)).toEqual([at('c1', 3), at('c2', 5), at('c4', 4)])
    expect(listPlaces(own(at('c1', 3)), w.deps)).toEqual([at('c1', 3)])
    expect(listPlaces(own(), w.deps)).toEqual([])
  })
  test('a place that its status knows is not taken from an older document', async () => {
    const w = world()
    const port = own(at('c1', 3))
    for (const [node, epoch] of [
      ['c1', 2],
      ['c2', 1],
    ] as const) {
      const binding = { instance: vm('vm', at(node, epoch)), node, epoch, hostname: 'vm' }
      const facts = {
        binding,
        mac: 'fa:16:3e:00:00:01',
        addresses: [],
        networkUid: 'uid-lan',
        network: 'ns/lan',
        mtu: 1442,
        dnsDomain: 'lan.example',
      }
      await w.deps.bus.desired.publish(portDocument(port, facts, { incarnation: 1, term: 1 }))
      w.report('port', port, { node, epoch, state: 'active' })
    }
    expect(listPlaces(port, w.deps)).toEqual([at('c1', 3), at('c2', 1)])
  })
})
