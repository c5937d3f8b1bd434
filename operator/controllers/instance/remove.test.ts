// SPDX-License-Identifier: Apache-2.0
// The end of a machine, step by step: every node lets go of it first, then its own Ports go, and a user's Ports are left.
import { describe, expect, test } from '@jest/globals'
import type { Instance, Port } from '../../../lib/api/types.ts'
import type { ResourceKind } from '../../../lib/kube/object.ts'
import { machine, machineWorld } from '../../testing/machine-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { automaticPortName } from '../../placed/automatic-port-name.ts'
import { removeInstance } from './remove.ts'

const lan = { networkRef: { name: 'lan' } }
const held = { name: 'vm', uid: 'uid-vm' }
const own = (index = 0, more: object = {}) =>
  stored<Port>(automaticPortName(machine(), index), lan, { status: { origin: 'Instance', owner: held }, ...more })
const ending = (status: Instance['status'] = {}, networks: object[] = [lan]): Instance =>
  machine({ networks: networks }, { deleted: true, status })
const ready = (status: string) => ({
  status: {
    ...{ origin: 'Instance', owner: held },
    conditions: [{ type: 'Ready', status, reason: 'r', message: 'node c1 is away', lastTransitionTime: 't' }],
  },
})

/** Removals that end when the test says so. */
function heldRemovals(w: MemoryWorld) {
  const asked: { name: string; preconditions: unknown; end: (error?: Error) => void }[] = []
  const remove = (_: ResourceKind, { name }: { name: string }, { preconditions }: { preconditions?: unknown } = {}) =>
    new Promise<void>((resolve, reject) => {
      asked.push({ name, preconditions, end: (error) => (error ? reject(error) : resolve()) })
    })
  Object.assign(w.run.client, { remove })
  return asked
}
const turns = () => new Promise((resolve) => setImmediate(resolve))
const waits = (message: string) => ({ kind: 'wait', reason: 'Releasing', message })

describe('the machine itself', () => {
  test('all nodes that may have it are told at once, and all are waited for', async () => {
    const w = machineWorld()
    w.put('ports', own())
    const i = ending({ node: 'c1', epoch: 3, pendingReleases: [{ node: 'c2', epoch: 2 }] })
    const removals = heldRemovals(w)
    expect(await removeInstance(i, w.deps, w.run)).toEqual(waits('waiting for node c2 to release it'))
    expect(i.status?.state).toBe('DELETING')
    expect([...w.bus.desired.documents.values()]).toMatchObject([
      { node: 'c1', tombstone: true, versions: { epoch: 3 } },
      { node: 'c2', tombstone: true, versions: { epoch: 2 } },
    ])
    w.report('instance', i, { node: 'c2', epoch: 2, state: 'gone' })
    expect(await removeInstance(i, w.deps, w.run)).toEqual(waits('waiting for node c1 to release it'))
    expect(removals).toEqual([])
    w.report('instance', i, { node: 'c1', epoch: 3, state: 'gone' })
    void removeInstance(i, w.deps, w.run)
    await turns()
    expect(removals).toHaveLength(1)
  })

  test('that never had a place is released at once', async () => {
    const w = machineWorld()
    expect(await removeInstance(ending(undefined, []), w.deps, w.run)).toEqual({ kind: 'released' })
    expect(w.bus.desired.writes).toBe(0)
  })
})

describe('its own Ports', () => {
  test('the removal is waited for before it counts, and is asked for once', async () => {
    const w = machineWorld()
    const port = w.put('ports', own())
    const { uid, name } = port.metadata
    const removals = heldRemovals(w)
    let outcome: unknown
    const run = removeInstance(ending(), w.deps, w.run).then((said) => (outcome = said))
    await turns()
    expect(removals).toMatchObject([{ name, preconditions: { uid } }])
    expect([outcome, w.deps.deletions.has(uid)]).toEqual([undefined, false])
    removals[0]!.end()
    await run
    expect(outcome).toEqual(waits(`waiting for Port ${name} to go`))
    expect(w.deps.deletions.has(uid)).toBe(true)
    expect(await removeInstance(ending(), w.deps, w.run)).toEqual(waits(`waiting for Port ${name} to go`))
    expect(removals).toHaveLength(1)
  })

  test('a removal that fails goes up, and is asked for again', async () => {
    const w = machineWorld()
    const port = w.put('ports', own())
    const removals = heldRemovals(w)
    const run = removeInstance(ending(), w.deps, w.run)
    await turns()
    removals[0]!.end(new Error('no answer'))
    await expect(run).rejects.toThrow('no answer')
    expect(w.deps.deletions.has(port.metadata.uid)).toBe(false)
    void removeInstance(ending(), w.deps, w.run)
    await turns()
    expect(removals).toHaveLength(2)
  })

  test('all are removed, even if one of them is missing already', async () => {
    const w = machineWorld()
    for (const index of [0, 2]) w.put('ports', own(index))
    const i = ending({}, [lan, lan, lan])
    expect(await removeInstance(i, w.deps, w.run)).toMatchObject({ reason: 'Releasing' })
    expect(w.deps.caches.ports.size).toBe(0)
    expect(await removeInstance(i, w.deps, w.run)).toEqual({ kind: 'released' })
  })

  test.each<[string, object, string]>([
    ['goes and says what it waits for', { deleted: true, ...ready('False') }, ': node c1 is away'],
    ['goes, and has nothing to say', { deleted: true, ...ready('True') }, ''],
    ['goes, and was never looked at', { deleted: true }, ''],
  ])('one that %s is not removed again', async (_, more, why) => {
    const w = machineWorld()
    const { name } = w.put('ports', own(0, more)).metadata
    const removals = heldRemovals(w)
    expect(await removeInstance(ending(), w.deps, w.run)).toEqual(waits(`waiting for Port ${name} to go${why}`))
    expect(removals).toEqual([])
  })

  test('the old condition of a Port that was only just removed is not given as the reason why it is still there', async () => {
    const w = machineWorld()
    const port = w.put('ports', own(0, ready('False')))
    w.deps.deletions.add(port.metadata.uid)
    expect(await removeInstance(ending(), w.deps, w.run)).toEqual(waits(`waiting for Port ${port.metadata.name} to go`))
  })
})

describe('a user’s Port', () => {
  const users = (node: string | undefined = 'c1') =>
    stored<Port>('eth', lan, { status: { origin: 'User', instance: held, epoch: 4, ...(node ? { node } : {}) } })
  test('is waited for wherever the machine was, never removed, and then left', async () => {
    const w = machineWorld()
    const port = w.put('ports', users())
    const i = ending({ epoch: 2, pendingReleases: [{ node: 'c1', epoch: 2 }] }, [{ portRef: { name: 'eth' } }])
    w.report('instance', i, { node: 'c1', epoch: 2, state: 'gone' })
    expect(await removeInstance(i, w.deps, w.run)).toEqual(waits('waiting for Port eth to leave node c1'))
    w.report('port', port, { node: 'c1', epoch: 4, state: 'gone' })
    expect(await removeInstance(i, w.deps, w.run)).toEqual({ kind: 'released' })
    expect(w.deps.caches.ports.size).toBe(1)
  })

  test('is waited for on the first of two nodes although it is gone from the second', async () => {
    const w = machineWorld()
    w.put('ports', users())
    const pendingReleases = ['c1', 'c2'].map((node) => ({ node, epoch: 2 }))
    const i = ending({ epoch: 2, pendingReleases }, [{ portRef: { name: 'eth' } }])
    for (const { node } of pendingReleases) w.report('instance', i, { node, epoch: 2, state: 'gone' })
    expect(await removeInstance(i, w.deps, w.run)).toEqual(waits('waiting for Port eth to leave node c1'))
  })

  test('that is waited for first does not keep the automatic ones behind it from being removed', async () => {
    const w = machineWorld()
    w.put('ports', users('c2'))
    w.put('ports', own(1))
    const i = ending({ epoch: 2, pendingReleases: [{ node: 'c1', epoch: 2 }] }, [{ portRef: { name: 'eth' } }, lan])
    w.report('instance', i, { node: 'c1', epoch: 2, state: 'gone' })
    expect(await removeInstance(i, w.deps, w.run)).toMatchObject({ reason: 'Releasing' })
    expect(w.deps.caches.ports.list().map(({ metadata }) => metadata.name)).toEqual(['eth'])
  })
})
