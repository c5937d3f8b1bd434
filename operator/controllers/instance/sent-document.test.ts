// SPDX-License-Identifier: Apache-2.0
// What the node of a machine is sent, in which order, and what it is sent when something does not resolve any more.
import { describe, expect, test } from '@jest/globals'
import type { Instance } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import type { DesiredDocument, InstanceDocument } from '../../../lib/contract/documents.ts'
import { inventoryOf } from '../../testing/inventory.ts'
import { active, machine, machineWorld, parts, putNode, runs, step } from '../../testing/machine-world.ts'
import type { MemoryWorld } from '../../testing/memory-deps.ts'

const bare = (spec: Partial<Instance['spec']> = {}) => machine({ networks: [], ...spec })
const turns = () => new Promise((resolve) => setImmediate(resolve))
const documentOf = async (w: MemoryWorld, i: Instance) =>
  (await w.bus.desired.read(i.status?.node ?? '', 'instance', 'uid-vm')) as InstanceDocument | undefined

async function placed(w: MemoryWorld, i = bare()): Promise<Instance> {
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  return i
}

describe('what its node is sent', () => {
  test('the image is stored first, then the machine, and only then its answer counts', async () => {
    const w = machineWorld()
    const i = await placed(w)
    runs(w, i)
    const sent: { kind: string; store: () => void }[] = []
    w.bus.desired.delay = ({ kind }: DesiredDocument) => new Promise((store) => sent.push({ kind, store }))
    let outcome: unknown
    const run = step(w, i).then((said) => (outcome = said))
    await turns()
    expect(sent.map(({ kind }) => kind)).toEqual(['image'])
    sent[0]!.store()
    await turns()
    expect(sent.map(({ kind }) => kind)).toEqual(['image', 'instance'])
    expect([outcome, i.status?.state]).toEqual([undefined, 'BUILD'])
    sent[1]!.store()
    await run
    expect([outcome, i.status?.state]).toEqual([{ kind: 'done' }, 'ACTIVE'])
  })

  test.each(['image', 'instance'])(
    'a failure to store the %s goes up, and nothing behind it is done',
    async (failing) => {
      const w = machineWorld()
      const i = await placed(w)
      runs(w, i)
      w.bus.desired.delay = async ({ kind }) => {
        if (kind === failing) throw new Error('no answer')
      }
      await expect(step(w, i)).rejects.toThrow('no answer')
      expect(i.status?.state).toBe('BUILD')
      expect(w.bus.desired.list().map(({ kind }) => kind)).toEqual(failing === 'image' ? [] : ['image'])
    },
  )

  test.each<[string, (w: MemoryWorld) => void, string | undefined]>([
    ['its heart says', (w) => w.bus.heartbeats.beat('c1', 'boot-beat'), 'boot-beat'],
    [
      'its inventory says, before it beats',
      (w) => w.bus.publishInventory(inventoryOf('c1', { bootId: 'boot-inventory' })),
      'boot-inventory',
    ],
    ['its ComputeNode says', () => undefined, 'boot-0001'],
    ['nobody says', (w) => putNode(w, 'c1', {}, { inventory: { address: '192.0.2.1' } }), undefined],
  ])('a grant for the boot that %s', async (_, change, bootId) => {
    const w = machineWorld()
    w.bus.heartbeats.forget('c1')
    w.bus.heartbeats.expect(['c1'])
    w.deps.scheduler.removeNode('c2')
    change(w)
    const i = await placed(w)
    await step(w, i)
    expect((await documentOf(w, i))?.grantedBootId).toBe(bootId)
  })

  test.each<[string, Partial<Instance['spec']>, object, string | undefined]>([
    ['its node’s', {}, { zone: 'az1' }, 'az1'],
    ['the one that it asked for', { availabilityZone: 'c1' }, { zone: 'az1' }, 'c1'],
    ['none, where there is none', {}, {}, undefined],
  ])('the zone: %s', async (_, spec, status, zone) => {
    const w = machineWorld()
    w.deps.scheduler.removeNode('c2')
    putNode(w, 'c1', {}, status)
    const i = await placed(w, bare(spec))
    await step(w, i)
    expect((await documentOf(w, i))?.spec.availabilityZone).toBe(zone)
    expect('availabilityZone' in (await documentOf(w, i))!.spec).toBe(zone !== undefined)
  })

  test.each<[boolean | undefined, boolean]>([
    [undefined, false],
    [true, true],
    [false, false],
  ])('configDrive %s', async (configDrive, expected) => {
    const w = machineWorld()
    const i = await placed(w, bare(configDrive === undefined ? {} : { configDrive }))
    await step(w, i)
    expect((await documentOf(w, i))?.spec.configDrive).toBe(expected)
  })

  test.each<[object, object, boolean]>([
    [{}, {}, false],
    [{ extraSpecs: { 'hw:require_kvm': 'true' } }, {}, true],
    [{}, { properties: { hw_require_kvm: 'true' } }, true],
  ])('KVM, of a Flavor with %j and an image with %j: %s', async (flavor, image, requireKvm) => {
    const w = machineWorld()
    w.put('flavors', parts.flavor('small', flavor))
    w.put('images', parts.image(image))
    for (const name of ['c1', 'c2'])
      w.deps.scheduler.putNode({
        name,
        up: true,
        hypervisor: 'libvirt',
        acceleration: 'kvm',
        capacity: { vcpus: 4, memoryMiB: 4096, diskGiB: 40 },
      })
    const i = await placed(w)
    await step(w, i)
    expect((await documentOf(w, i))?.spec.requireKvm).toBe(requireKvm)
  })

  test('nothing, when what it names is gone before it was ever sent', async () => {
    const w = machineWorld()
    const i = await placed(w)
    w.put('images', { ...parts.image(), status: {} })
    runs(w, i, { state: 'paused' })
    expect(await step(w, i)).toMatchObject({ kind: 'wait', reason: 'ImageNotReady' })
    expect([w.bus.desired.writes, i.status?.state]).toEqual([0, 'BUILD'])
  })

  test('as before but for its power and metadata, when what it names is gone: and its answers count', async () => {
    const w = machineWorld()
    const i = await active(w)
    const before = (await documentOf(w, i))!.spec
    const writes = w.bus.desired.writes
    w.drop('images', parts.image())
    Object.assign(i.spec, { runState: 'Paused', metadata: { a: 'b' }, configDrive: true })
    i.metadata.generation = 2
    runs(w, i, { state: 'paused' })
    expect(await step(w, i)).toMatchObject({ kind: 'wait', reason: 'ImageNotFound' })
    expect((await documentOf(w, i))!.spec).toEqual({ ...before, runState: 'Paused', metadata: { a: 'b' } })
    expect([w.bus.desired.writes, i.status?.state]).toEqual([writes + 1, 'PAUSED'])
    // What its ports say is not asked while they may be others.
    expect(findCondition(i.status?.conditions, 'NetworkAttached')).toMatchObject({ status: 'True' })
  })

  test('a missing volume keeps nothing else from it', async () => {
    const w = machineWorld()
    const i = await active(w)
    Object.assign(i.spec, { configDrive: true, volumes: [{ volumeRef: { name: 'typo' } }] })
    i.metadata.generation = 2
    expect(await step(w, i)).toMatchObject({ reason: 'VolumeNotFound' })
    expect(findCondition(i.status?.conditions, 'Admitted')).toMatchObject({ status: 'True' })
    expect((await documentOf(w, i))!).toMatchObject({ versions: { generation: 2 }, spec: { configDrive: true } })
  })
})
