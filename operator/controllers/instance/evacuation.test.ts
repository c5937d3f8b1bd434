// SPDX-License-Identifier: Apache-2.0
// A host that was cut off gets power again and goes by the document on its disk: no machine is built anew elsewhere that it may start.
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, Instance } from '../../../lib/api/types.ts'
import type { InstanceDocument } from '../../../lib/contract/documents.ts'
import { decidePower } from '../../../agents/compute/power.ts'
import { active, machine, machineWorld, putNode, runs, step } from '../../testing/machine-world.ts'
import type { MemoryWorld } from '../../testing/memory-deps.ts'

type Spec = Partial<Instance['spec']>
const FENCED: Spec = { evacuation: 'WhenFenced' }
const alone = { networks: [] }

function ask(i: Instance, spec: Spec): void {
  Object.assign(i.spec, spec)
  i.metadata.generation = (i.metadata.generation ?? 1) + 1
}
const nodeOf = (i: Instance) => i.status?.node ?? ''
const lose = (w: MemoryWorld, i: Instance, lost: NonNullable<ComputeNode['spec']['lost']> = 'Confirmed') =>
  putNode(w, nodeOf(i), { lost })
const documentOf = (w: MemoryWorld, i: Instance) =>
  w.bus.desired.documents.get(`${nodeOf(i)}.instance.${i.metadata.uid}`) as InstanceDocument

/** What the agent does with the machine after the host's reboot, by the last document that it has. */
function afterReboot({ spec, grantedBootId = '' }: InstanceDocument): string | undefined {
  const record = { phase: 'off', because: 'HostRebooted', crashes: 0, ends: 0, bootId: 'boot-0001' } as const
  const seen = { instance: { power: 'off' } as never, record, bootId: 'boot-0002', hostStopping: false, nowMs: 1e9 }
  return decidePower({ ...seen, spec, grantedBootId }).action
}

type Past = (w: MemoryWorld, i: Instance) => unknown
const published: Past = (w, i) => step(w, i)
const answered: Past = async (w, i) => {
  await step(w, i)
  runs(w, i)
  await step(w, i)
}
/** A change of something else, published and not answered. */
const changed: Past = (w, i) => {
  ask(i, { metadata: { a: 'b' } })
  return step(w, i)
}

const refused = { kind: 'wait', reason: 'NodeLost', message: expect.stringMatching(/set spec\.lost: Wiped/) }

describe('a machine whose node is confirmed lost', () => {
  test.each<[string, Spec, Past[], Spec | undefined, boolean]>([
    ['may move, as its node knew from the start', FENCED, [], undefined, true],
    ['may move, as its node knew from the start, and changed since', FENCED, [changed], undefined, true],
    ['may move, as its node knew, and changed again after that', FENCED, [], { metadata: { c: 'd' } }, true],
    ['may move, as its node heard and answered', {}, [(_w, i) => ask(i, FENCED), answered], undefined, true],
    ['never starts by itself anyway', { restartPolicy: 'Never' }, [], FENCED, true],
    ['may move since the node was lost', {}, [], FENCED, false],
    ['may move, which was published and never answered', {}, [(_w, i) => ask(i, FENCED), published], undefined, false],
    [
      'may move again, which its node has not answered since it was taken back',
      FENCED,
      [(_w, i) => ask(i, { evacuation: 'Never' }), published, published],
      FENCED,
      false,
    ],
  ])('that %s', async (_, spec, past, later, moves) => {
    const w = machineWorld()
    const i = await active(w, machine({ ...alone, ...spec }))
    const had = [structuredClone(documentOf(w, i))]
    for (const happens of past) await happens(w, i)
    had.push(structuredClone(documentOf(w, i)))
    const node = nodeOf(i)
    lose(w, i)
    if (later) ask(i, later)
    expect(await step(w, i)).toMatchObject(moves ? { kind: 'saved' } : refused)
    expect(i.status?.node).toBe(moves ? undefined : node)
    // The risk that it is refused for.
    if (!moves) expect(had.map(afterReboot)).toContain('on')
    else expect(afterReboot(had[1]!)).toBeUndefined()
  })

  test('that its node might start: moves once nothing of that can', async () => {
    const w = machineWorld()
    const i = await active(w, machine(alone))
    lose(w, i)
    expect(await step(w, i)).toMatchObject({ message: expect.stringMatching(/WhenFenced.*and set spec.lost: Wiped/) })
    ask(i, FENCED)
    expect(await step(w, i)).toMatchObject(refused)
    lose(w, i, 'Wiped')
    expect(await step(w, i)).toEqual({ kind: 'saved' })
    expect(i.status).not.toHaveProperty('node')
  })

  test('that must not move: says so, and asks for no more than that', async () => {
    const w = machineWorld()
    const i = await active(w, machine({ ...alone, restartPolicy: 'Never' }))
    lose(w, i)
    const outcome = await step(w, i)
    expect(outcome).toMatchObject({ reason: 'NodeLost', message: expect.stringContaining('WhenFenced') })
    expect(outcome).not.toMatchObject({ message: expect.stringContaining('Wiped') })
  })
})

test('that the node may start it by itself is written before it is told so', async () => {
  const w = machineWorld()
  const i = await active(w, machine({ ...alone, ...FENCED }))
  expect(i.status?.evacuable).toEqual({ incarnation: 1 })
  ask(i, { evacuation: 'Never' })
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  expect(i.status).not.toHaveProperty('evacuable')
  expect(documentOf(w, i).spec.offlineRestart).toBe(false)
  await step(w, i)
  expect(documentOf(w, i).spec.offlineRestart).toBe(true)
})

test.each<[string, Spec, boolean]>([
  ['may move: no document says anything else', FENCED, true],
  ['must not', {}, false],
])('whose node was given up before it reported; it %s', async (_, spec, moves) => {
  const w = machineWorld()
  const i = machine({ ...alone, ...spec })
  await step(w, i)
  await step(w, i)
  lose(w, i)
  ask(i, FENCED)
  await step(w, i)
  expect(i.status?.node === undefined).toBe(moves)
})

/** The Cloud's incarnation was raised, after its resources were restored. */
const restore = (w: MemoryWorld) => Object.assign(w.deps, { writer: () => ({ incarnation: 2, term: 1 }) })

test('a new place has to answer for itself, and after a restore every place has to', async () => {
  const w = machineWorld()
  const i = await active(w, machine({ ...alone, ...FENCED }))
  const first = nodeOf(i)
  lose(w, i)
  await step(w, i)
  expect(i.status).not.toHaveProperty('evacuable')
  putNode(w, first, { lost: 'Confirmed' }, { releases: [{ kind: 'instance', uid: 'uid-vm', name: 'vm', epoch: 1 }] })
  await step(w, i)
  expect(nodeOf(i)).not.toBe(first)
  expect(i.status).not.toHaveProperty('evacuable')
  runs(w, i)
  await step(w, i)
  expect(i.status?.evacuable).toEqual({ incarnation: 1 })
  restore(w)
  lose(w, i)
  expect(await step(w, i)).toMatchObject(refused)
  w.report('instance', i, {
    ...{ node: nodeOf(i), epoch: 2, state: 'running' },
    versions: { incarnation: 2, term: 1, epoch: 2, generation: 1 },
  })
  expect(await step(w, i)).toEqual({ kind: 'saved' })
})

describe('upgraded from 0.1.0, which said nothing of it', () => {
  test.each<[string, boolean, boolean]>([
    ['while its node is up', true, true],
    ['after its node was given up, whose report is still on the bus', false, true],
    ['after its node was given up and the bus was lost', false, false],
  ])('%s', async (_, isUp, moves) => {
    const w = machineWorld()
    const i = await active(w, machine({ ...alone, ...FENCED }))
    delete i.status?.evacuable
    if (isUp) await step(w, i)
    const said = moves ? w : machineWorld()
    lose(said, i)
    expect(await step(said, i)).toMatchObject(moves ? { kind: 'saved' } : refused)
  })
})

describe('refused for lack of room by a node that is given up before it has let go', () => {
  const known = { incarnation: 1 }
  const releases = [{ kind: 'instance', uid: 'uid-vm', name: 'vm', epoch: 1 }]
  type Row = [string, object, NonNullable<ComputeNode['spec']['lost']>, number, boolean]
  test.each<Row>([
    ['it leaves the machine off', { evacuable: known }, 'Confirmed', 1, true],
    ['it might start it', {}, 'Confirmed', 1, false],
    ['it might, by what was known before a restore', { evacuable: known }, 'Confirmed', 2, false],
    ['it might, and was wiped', {}, 'Wiped', 1, true],
  ])('%s', async (_, left, lost, incarnation, moves) => {
    const w = machineWorld()
    if (incarnation > 1) restore(w)
    const i = machine(alone, { status: { epoch: 1, pendingReleases: [{ node: 'c1', epoch: 1, ...left }] } })
    putNode(w, 'c1', { lost }, { releases })
    const outcome = await step(w, i)
    if (moves) expect(i.status).toMatchObject({ node: 'c2', epoch: 2 })
    else {
      expect(outcome).toMatchObject(refused)
      expect(i.status).not.toHaveProperty('node')
      // Its own report that it let go is as good.
      w.report('instance', i, { node: 'c1', epoch: 1, state: 'gone' })
      await step(w, i)
      expect(i.status).toMatchObject({ node: 'c2', epoch: 2 })
    }
  })

  test.each<[string, Spec, object]>([
    ['may move', FENCED, { evacuable: known }],
    ['must not', {}, {}],
  ])('what is known of one that %s goes with it', async (_, spec, left) => {
    const w = machineWorld()
    const i = machine({ ...alone, ...spec })
    await step(w, i)
    await step(w, i)
    const node = nodeOf(i)
    const error = { reason: 'InsufficientResources', message: 'no room', terminal: true }
    w.report('instance', i, { node, epoch: 1, state: 'refused', error })
    await step(w, i)
    expect(i.status?.pendingReleases).toEqual([{ node, epoch: 1, ...left }])
    expect(i.status).not.toHaveProperty('evacuable')
  })
})
