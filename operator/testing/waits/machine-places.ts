// SPDX-License-Identifier: Apache-2.0
import { ns, type QuietCloud } from '../quiet-cloud.ts'
import { saysOf, without } from '../answers.ts'
import { MAC, nic, vm, type WaitRow } from './row.ts'

const big = { flavorRef: { name: 'big' } }

async function fill(c: QuietCloud): Promise<void> {
  c.make('flavors', 'big', { memoryMiB: 3000 })
  for (const name of ['a', 'b']) c.vm(name, big)
  await c.operator.rest()
  c.vm('vm', big)
}
async function placed(c: QuietCloud, spec: object = {}): Promise<string> {
  c.vm('vm', spec)
  await c.operator.rest()
  return c.nodeOf('vm')
}
/** A node has the machine, or one with its MAC, though its resource was never placed. */
async function unclear(c: QuietCloud, report: object): Promise<void> {
  c.operator.world.bus.report({ ...c.report('instance', 'x1', 'c1'), ...report })
  c.vm('vm', nic({ macAddress: MAC }))
}
/** Waits for a place: for the node that has room for the machine, has it, or had it. */
export const MACHINE_PLACE_ROWS: WaitRow[] = [
  {
    ...{ reason: 'NoRoom', of: 'ResizePending', where: vm, next: 'AtNextStart' },
    waits: async (c) => {
      c.set('computeNodes', 'c2', { unschedulable: true })
      c.make('flavors', 'big', { memoryMiB: 3000 })
      c.make('flavors', 'half', { memoryMiB: 1000 })
      c.vm('a', { flavorRef: { name: 'half' } })
      await placed(c)
      c.set('instances', 'vm', big)
    },
    ends: (c) => c.operator.remove('instances', ns('a')),
  },
  {
    ...{ reason: 'NoRoom', by: 'a neighbour becomes smaller', of: 'ResizePending', where: vm, next: 'AtNextStart' },
    waits: async (c) => {
      c.set('computeNodes', 'c2', { unschedulable: true })
      c.make('flavors', 'big', { memoryMiB: 3000 })
      c.make('flavors', 'half', { memoryMiB: 1000 })
      c.vm('a', { flavorRef: { name: 'half' } })
      await placed(c)
      c.set('instances', 'vm', big)
    },
    ends: async (c) => {
      c.set('instances', 'a', { flavorRef: { name: 'small' } })
      await c.operator.rest()
      c.operator.answer = saysOf('instance', ({ name }) => (name === 'a' ? { ...UP, facts: TINY } : undefined))
    },
  },
  {
    ...{ reason: 'FlavorNotFound', of: 'ResizePending', where: vm, next: 'AtNextStart' },
    waits: async (c) => {
      await placed(c)
      c.set('instances', 'vm', big)
    },
    ends: (c) => c.make('flavors', 'big', { memoryMiB: 3000 }),
  },
  ...(['a machine goes', 'a node comes', 'a node opens', 'a node is uncordoned'] as const).map((by): WaitRow => ({
    reason: 'NoValidHost',
    by,
    where: vm,
    waits: async (c) => {
      if (by === 'a node opens') c.addNode('c3', { unschedulable: true })
      if (by === 'a node is uncordoned') {
        c.addNode('c3')
        c.set('nodes', 'c3', { unschedulable: true })
      }
      await fill(c)
    },
    ends: (c) => {
      if (by === 'a machine goes') c.operator.remove('instances', ns('a'))
      if (by === 'a node comes') c.addNode('c3')
      if (by === 'a node is uncordoned') c.set('nodes', 'c3', { unschedulable: false })
      if (by === 'a node opens') c.set('computeNodes', 'c3', { unschedulable: false })
    },
  })),
  {
    reason: 'OwnershipUnclear',
    by: 'this machine',
    where: vm,
    waits: (c) => {
      // It comes back to the very node that released its former self.
      c.set('computeNodes', 'c2', { unschedulable: true })
      c.vm('vm')
      c.operator.world.bus.report({ ...c.report('instance', c.uidOf('vm'), 'c1'), versions: c.versions(3) })
    },
    ends: (c) =>
      c.operator.world.bus.report({
        ...c.report('instance', c.uidOf('vm'), 'c1'),
        versions: c.versions(3),
        state: 'gone',
      }),
  },
  {
    reason: 'OwnershipUnclear',
    by: 'one with its MAC',
    where: vm,
    waits: (c) => unclear(c, { facts: { nics: [{ mac: MAC }] } }),
    ends: (c) => c.operator.world.bus.report({ ...c.report('instance', 'x1', 'c1'), state: 'gone' }),
  },
  {
    reason: 'OwnershipUnclear',
    by: 'a node without a ComputeNode',
    where: vm,
    waits: (c) => {
      c.operator.world.bus.report({ ...c.report('instance', 'x1', 'c9'), facts: { nics: [{ mac: MAC }] } })
      c.vm('vm', nic({ macAddress: MAC }))
    },
    ends: (c) => c.operator.world.bus.report({ ...c.report('instance', 'x1', 'c9'), state: 'gone' }),
  },
  {
    reason: 'OwnershipUnclear',
    by: 'a node that is given up',
    where: vm,
    waits: (c) => unclear(c, { facts: { nics: [{ mac: MAC }] } }),
    ends: (c) => c.set('computeNodes', 'c1', { lost: 'Confirmed' }),
  },
  {
    reason: 'NodeLost',
    by: 'moves',
    where: vm,
    waits: async (c) => c.set('computeNodes', await placed(c), { lost: 'Confirmed' }),
    ends: (c) => {
      c.set('computeNodes', c.nodeOf('vm'), { lost: 'Wiped' })
      c.set('instances', 'vm', { evacuation: 'WhenFenced' })
    },
  },
  {
    reason: 'NodeLost',
    by: 'moves, once nothing of its node can start',
    where: vm,
    waits: async (c) => {
      c.set('computeNodes', await placed(c), { lost: 'Confirmed' })
      await c.operator.rest()
      c.set('instances', 'vm', { evacuation: 'WhenFenced' })
    },
    ends: (c) => c.set('computeNodes', c.nodeOf('vm'), { lost: 'Wiped' }),
  },
  {
    reason: 'NodeLost',
    by: 'is back',
    where: vm,
    waits: async (c) => c.set('computeNodes', await placed(c), { lost: 'Confirmed' }),
    ends: (c) => {
      c.set('computeNodes', c.nodeOf('vm'), { lost: undefined })
    },
  },
  {
    reason: 'NodeSilent',
    where: vm,
    waits: async (c) => c.operator.silence(await placed(c)),
    ends: (c) => c.operator.beat(c.nodeOf('vm')),
  },
  {
    reason: 'Releasing',
    where: vm,
    waits: async (c) => {
      await placed(c)
      c.operator.answer = without('instance')
      c.operator.remove(...vm)
    },
    ends: (c) => c.answersAll(),
    next: 'gone',
  },
  {
    reason: 'Releasing',
    by: 'its port',
    where: vm,
    waits: async (c) => {
      await placed(c)
      c.operator.answer = without('port')
      c.operator.remove(...vm)
    },
    ends: (c) => c.answersAll(),
    next: 'gone',
  },
  {
    reason: 'Releasing',
    by: 'a node without room, and a port that leaves late',
    where: vm,
    waits: (c) => {
      c.port('eth')
      c.operator.answer = saysOf('instance', (d) => (d.versions.epoch > 1 ? undefined : REFUSED), without('port'))
      c.vm('vm', { networks: [{ portRef: { name: 'eth' } }] })
    },
    ends: (c) => {
      c.operator.answer = saysOf('instance', (d) => (d.versions.epoch > 1 ? undefined : REFUSED))
    },
  },
  {
    reason: 'Building',
    where: vm,
    waits: (c) => {
      c.operator.answer = without('instance')
      c.vm('vm')
    },
    ends: (c) => c.answersAll(),
  },
]

const UP = { state: 'running' }
const TINY = { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1, volumesAttached: [] }

const REFUSED = {
  state: 'refused',
  error: { reason: 'InsufficientResources', message: 'full', terminal: true },
}
