// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Cloud, ComputeNode, Instance, Network, Port } from '../../../lib/api/types.ts'
import type { ObservedNic, PortDocument } from '../../../lib/contract/documents.ts'
import { tombstoneOf } from '../../placed/document-header.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { findUnclearOwner } from './unclear-owner.ts'

const MAC = 'fa:16:3e:00:00:01'
const ADDRESS = '10.0.0.2'
const SPEC: Instance['spec'] = { flavorRef: { name: 'f' }, imageRef: { name: 'i' } }
const machine = (more: object = {}) => stored<Instance>('vm', SPEC, more)
const old = () => stored<Instance>('old', SPEC, { uid: 'uid-old' })
const network = (name: string) => stored<Network>(name, {})
const port = (spec: Partial<Port['spec']> = {}) =>
  stored<Port>(
    'p',
    { networkRef: { name: 'lan' }, macAddress: MAC, ...spec },
    { status: { networkUID: 'uid-lan', fixedIPs: [{ subnet: 's', ipAddress: ADDRESS, prefixLength: 24 }] } },
  )
const nic = (more: Partial<ObservedNic> = {}): ObservedNic => ({
  mac: MAC,
  portUid: 'uid-old-port',
  networkUid: 'uid-lan',
  network: 'ns/lan',
  addresses: [ADDRESS],
  ...more,
})
const other = { mac: 'fa:16:3e:00:00:99' }
const elsewhere = { addresses: ['10.0.0.99'] }

/** A cloud with networks `lan` and `wan`, and what node c1 says of the machine `old`. */
function world(of: ObservedNic, report: object = {}): MemoryWorld {
  const w = restored()
  for (const name of ['lan', 'wan']) w.put('networks', network(name))
  w.put('computeNodes', stored<ComputeNode>('c1', {}, { namespace: '' }))
  w.report('instance', old(), { node: 'c1', epoch: 4, state: 'running', facts: { nics: [of] }, ...report })
  return w
}
const look = (w: MemoryWorld, p = port()) => findUnclearOwner(machine(), [p], w.deps, w.run.now)
/** Resources and bus may have forgotten what nodes run. */
function restored(): MemoryWorld {
  const w = memoryWorld()
  w.bus.memory = { madeAt: undefined, followedFrom: w.run.now }
  return w
}

describe('another machine with the MAC or an address of this one', () => {
  test.each<[string, Partial<ObservedNic>, boolean]>([
    ['MAC and address, on this network', {}, true],
    ['the MAC, on this network', elsewhere, true],
    ['an address, on this network', other, true],
    ['neither', { ...other, ...elsewhere }, false],
    ['the MAC, on another network', { networkUid: 'uid-wan', network: 'ns/wan' }, false],
    ['an address, on another network', { ...other, networkUid: 'uid-wan', network: 'ns/wan' }, false],
    ['the MAC, on a network of this name that was made anew', { networkUid: 'uid-of-before' }, true],
    ['an address, on a network of this name that was made anew', { ...other, networkUid: 'uid-of-before' }, true],
    ['both, on a network of another name that is gone', { networkUid: 'uid-of-before', network: 'ns/gone' }, false],
    ['both, on a network of this name in another project', { networkUid: 'uid-of-before', network: 'b/lan' }, false],
    [
      'both, on a network of another name that exists under this UID only',
      { networkUid: 'uid-lan', network: 'ns/renamed' },
      true,
    ],
    [
      'the MAC, on a network that an older agent does not name',
      { ...elsewhere, networkUid: 'uid-of-before', network: undefined },
      true,
    ],
    [
      'an address, on a network that an older agent does not name',
      { ...other, networkUid: 'uid-of-before', network: undefined },
      false,
    ],
  ])('%s: held %s', (_, of, held) => {
    const outcome = look(world(nic(of)))
    expect(outcome !== undefined).toBe(held)
    if (outcome) expect(outcome).toMatchObject({ kind: 'wait', reason: 'OwnershipUnclear' })
  })

  test('the message names the node, the machine, what they share, the Port, and the way out', () => {
    expect(look(world(nic()))).toMatchObject({
      message: expect.stringMatching(
        /node c1 has machine ns\/old \(uid-old\) with the MAC fa:16:3e:00:00:01 of this machine's Port ns\/p\..*docs\/backup\.md.*spec\.lost: Confirmed on ComputeNode c1/,
      ),
    })
    expect(look(world(nic(other)))).toMatchObject({ message: expect.stringContaining('the address 10.0.0.2') })
  })

  test.each<[string, object, boolean]>([
    ['is stopped', { state: 'stopped' }, true],
    ['failed', { state: 'failed' }, true],
    ['is gone', { state: 'gone' }, false],
    ['says nothing of interfaces', { facts: {} }, false],
  ])('that %s: held %s', (_, report, held) => expect(look(world(nic(), report)) !== undefined).toBe(held))

  test.each<[string, ComputeNode['spec'], boolean]>([
    ['silent', {}, true],
    ['confirmed lost', { lost: 'Confirmed' }, false],
  ])('on a node that is %s: held %s', (_, spec, held) => {
    const w = world(nic())
    w.put('computeNodes', stored<ComputeNode>('c1', spec, { namespace: '' }))
    expect(look(w) !== undefined).toBe(held)
  })
})

describe('a Port that moves from one machine to the next', () => {
  test.each([
    ['plugged there yet', 'active', true],
    ['let go of', 'gone', false],
    ['let go of, and the answer collected', undefined, false],
  ])('%s: held %s', (_, state, held) => {
    const w = world(nic({ portUid: 'uid-p' }))
    if (state !== undefined) w.report('port', port(), { node: 'c1', epoch: 1, state })
    expect(look(w) !== undefined).toBe(held)
  })
})

describe('orphans, which agents report without a document', () => {
  const orphaned = (of: Partial<ObservedNic> | undefined, uid = 'uid-lost') => {
    const w = world(nic(), { state: 'gone' })
    const orphan = { kind: 'instance' as const, uid, what: 'domain', ...(of ? { nics: [{ mac: MAC, ...of }] } : {}) }
    w.report('node', w.deps.caches.computeNodes.find(undefined, 'c1')!, {
      node: 'c1',
      epoch: 1,
      state: 'ready',
      facts: { orphans: [orphan] },
    })
    return w
  }
  test.each<[string, Partial<ObservedNic> | undefined, boolean]>([
    ['marked with this network', { networkUid: 'uid-lan' }, true],
    ['marked with another one', { networkUid: 'uid-wan', network: 'ns/wan' }, false],
    ['with the MAC, and no mark', {}, true],
    ['with an address alone, and no mark', { ...other, addresses: [ADDRESS] }, false],
    ['with disks alone', undefined, false],
  ])('%s: held %s', (_, of, held) => {
    const outcome = look(orphaned(of))
    expect(outcome !== undefined).toBe(held)
    if (outcome)
      expect(outcome).toMatchObject({ message: expect.stringContaining('a machine without a document (uid-lost)') })
  })
  test.each<[string, object | undefined, ComputeNode['spec'], boolean]>([
    ['has said nothing since this process began', undefined, {}, true],
    ['could not look', { orphans: [], unlisted: [{ kind: 'instance', what: '', reason: 'R', message: '' }] }, {}, true],
    ['has not looked', {}, {}, true],
    ['has looked', { orphans: [] }, {}, false],
    ['is confirmed lost', undefined, { lost: 'Confirmed' }, false],
  ])(
    'with the UID of this machine, as its ComputeNode remembers, of a node that %s: held %s',
    (_, facts, spec, held) => {
      const w = world(nic(), { state: 'gone' })
      const orphans = [{ kind: 'instance' as const, uid: 'uid-vm', what: 'domain' }]
      const node = stored<ComputeNode>('c1', spec, { namespace: '', status: { orphans } })
      w.put('computeNodes', node)
      if (facts) w.report('node', node, { node: 'c1', epoch: 1, state: 'ready', facts })
      const outcome = look(w)
      expect(outcome !== undefined).toBe(held)
      if (outcome)
        expect(outcome).toMatchObject({ message: expect.stringContaining('node c1 has a machine with the UID') })
    },
  )
  test('with the UID of this machine', () => {
    expect(look(orphaned(undefined, 'uid-vm'))).toMatchObject({
      message: expect.stringContaining('node c1 has a machine with the UID'),
    })
  })
})

describe('this machine itself', () => {
  test.each<[string, object, object, boolean, ComputeNode['spec']?]>([
    ['of a newer epoch', {}, { epoch: 3 }, true],
    ['of a newer epoch, on a node that is confirmed lost', {}, { epoch: 3 }, false, { lost: 'Confirmed' }],
    ['of the epoch that it had there, and has left', { status: { epoch: 3 } }, { epoch: 3 }, false],
    ['let go of', {}, { epoch: 3, state: 'gone' }, false],
  ])('%s', (_, more, report, held, spec = {}) => {
    const w = restored()
    w.put('computeNodes', stored<ComputeNode>('c1', spec, { namespace: '' }))
    w.report('instance', machine(), {
      node: 'c1',
      epoch: 1,
      state: 'running',
      facts: { nics: [nic({ portUid: 'uid-p' })] },
      ...report,
    })
    expect(findUnclearOwner(machine(more), [port()], w.deps, w.run.now) !== undefined).toBe(held)
  })
})

test('an automatic port, whose address stands in its spec', () => {
  const automatic = stored<Port>('p', {
    networkRef: { name: 'lan' },
    macAddress: 'fa:16:3e:00:00:42',
    fixedIPs: [{ subnetRef: { name: 's' }, ipAddress: ADDRESS }],
  })
  expect(look(world(nic()), automatic)).toMatchObject({ message: expect.stringContaining(`the address ${ADDRESS}`) })
})

const HOUR_MS = 3_600_000
const at = (w: MemoryWorld, hours: number) => new Date(w.run.now.getTime() - hours * HOUR_MS)

describe('what nothing of ours put there', () => {
  const cloudSince = (w: MemoryWorld, since: Date) =>
    w.put('clouds', stored<Cloud>('default', {}, { namespace: '', status: { incarnationSince: since.toISOString() } }))
  test.each<[string, (w: MemoryWorld) => void, number | undefined]>([
    ['nothing was restored', () => undefined, undefined],
    ['this leader began 59 minutes ago', (w) => (w.bus.memory = began(at(w, 59 / 60))), 1 / 60],
    ['this leader began an hour ago', (w) => (w.bus.memory = began(at(w, 1))), undefined],
    ['the bus was made six days ago', (w) => (w.bus.memory = made(at(w, 6 * 24))), 24],
    ['the bus was made a week ago', (w) => (w.bus.memory = made(at(w, 7 * 24))), undefined],
    ['the incarnation is six days old', (w) => cloudSince(w, at(w, 6 * 24)), 24],
    ['the incarnation is a week old', (w) => cloudSince(w, at(w, 7 * 24)), undefined],
  ])('%s', (_, prepare, hours) => {
    const w = world(nic())
    w.bus.memory = made(new Date(0))
    prepare(w)
    // Nothing wakes the machine when the time is over.
    const held = hours && { kind: 'wait', reason: 'OwnershipUnclear', retryAfterMs: hours * HOUR_MS }
    expect(look(w)).toEqual(held && expect.objectContaining(held))
  })
  const began = (followedFrom: Date) => ({ madeAt: undefined, followedFrom })
  const made = (madeAt: Date) => ({ madeAt, followedFrom: new Date(0) })

  test.each<[string, object | undefined, number, boolean]>([
    ['as many as its CPUs can run', { cpus: 1, memoryMiB: 8192 }, 4, true],
    ['more', { cpus: 1, memoryMiB: 8192 }, 5, false],
    ['more than its memory can hold', { cpus: 8, memoryMiB: 200 }, 4, false],
    ['as many as the largest node runs', { cpus: 100_000, memoryMiB: 1e9 }, 512, true],
    ['more than the largest node runs', { cpus: 100_000, memoryMiB: 1e9 }, 513, false],
    ['the same, of a size that is not known', undefined, 513, false],
  ])('%s', (_, inventory, machines, held) => {
    const w = world(nic())
    w.put('computeNodes', stored<ComputeNode>('c1', {}, { namespace: '', ...(inventory && { status: { inventory } }) }))
    for (let i = 1; i < machines; i++)
      w.report('instance', stored<Instance>(`x${i}`, SPEC), {
        ...{ node: 'c1', epoch: 1, state: 'running' },
        facts: { nics: [{ mac: 'fa:16:3e:00:01:00', networkUid: 'uid-lan' }] },
      })
    expect(look(w) !== undefined).toBe(held)
  })

  test('a machine with all addresses of a network', () => {
    const w = world(nic())
    w.put(
      'computeNodes',
      stored<ComputeNode>('c1', {}, { namespace: '', status: { inventory: { cpus: 4, memoryMiB: 8192 } } }),
    )
    const told = (count: number) => {
      const addresses = Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}`)
      w.report('instance', old(), { ...running, facts: { nics: [nic({ addresses })] } })
      return look(w) !== undefined
    }
    const running = { node: 'c1', epoch: 4, state: 'running' }
    expect([told(127), told(128)]).toEqual([true, false])
  })
})

describe('what our own record has, whenever', () => {
  const calm = (of: ObservedNic) => {
    const w = world(of)
    w.bus.memory = { madeAt: new Date(0), followedFrom: new Date(0) }
    return w
  }
  const document = (spec: Partial<PortDocument['spec']> = {}): PortDocument => ({
    ...{ v: 1, kind: 'port', uid: 'uid-old-port', node: 'c1', namespace: 'ns', name: 'old', tombstone: false },
    versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
    spec: {
      ...{ logicalPort: 'uid-old-port', networkUid: 'uid-lan', network: 'ns/lan', mac: MAC, mtu: 1400 },
      ...{ fixedIPs: [{ address: ADDRESS, prefixLength: 24 }], vnicType: 'normal' },
      ...spec,
    },
  })
  test.each<[string, Partial<PortDocument>, Partial<ObservedNic>, boolean]>([
    ['the MAC and the address', {}, {}, true],
    ['the MAC alone', { spec: document({ fixedIPs: [] }).spec }, {}, true],
    ['the address alone', { spec: document({ mac: other.mac }).spec }, {}, true],
    ['another MAC and address', { spec: document({ mac: other.mac, fixedIPs: [] }).spec }, {}, false],
    ['both, on another network than it says', { spec: document({ networkUid: 'uid-wan' }).spec }, {}, false],
    ['both, on this network, whatever it says', {}, { networkUid: 'uid-wan', network: 'ns/wan' }, true],
    ['both, of another Port', { uid: 'uid-another' }, {}, false],
    ['both, on another node', { node: 'c2' }, {}, false],
    ['both, of a Port that it does not name', {}, { portUid: undefined }, false],
  ])('a document with %s: held %s', async (_, of, told, held) => {
    const w = calm(nic(told))
    await w.bus.desired.publish({ ...document(), ...of })
    const outcome = { kind: 'wait', reason: 'OwnershipUnclear', message: expect.any(String) }
    expect(look(w)).toEqual(held ? outcome : undefined)
  })

  test('a document that became a tombstone, until the node has let go', async () => {
    const w = calm(nic())
    await w.bus.desired.publish(document())
    const its = stored<Port>('old', { networkRef: { name: 'lan' } }, { uid: 'uid-old-port' })
    await w.bus.desired.publish(tombstoneOf('port', its, 'c1', 1, w.deps.writer()))
    expect(look(w)).toMatchObject({ reason: 'OwnershipUnclear' })
    await w.bus.desired.withdraw('c1', 'port', 'uid-old-port')
    expect(look(w)).toBeUndefined()
  })

  test.each<[string, string | undefined, boolean]>([
    ['stands there', 'c1', true],
    ['stands elsewhere', 'c2', false],
    ['stands nowhere', undefined, false],
  ])('a Port that %s, its document lost: held %s', (_, node, held) => {
    const w = calm(nic())
    w.put(
      'ports',
      stored<Port>(
        'old',
        { networkRef: { name: 'lan' }, macAddress: MAC },
        { uid: 'uid-old-port', status: node === undefined ? {} : { node } },
      ),
    )
    expect(look(w) !== undefined).toBe(held)
  })

  test.each<[string, boolean, object, boolean]>([
    ['sent there', true, {}, true],
    ['placed there', false, { node: 'c1' }, true],
    ['never there', false, { node: 'c2' }, false],
  ])('this very Port, plugged by what was %s', async (_, isSent, status, held) => {
    const w = calm(nic({ portUid: 'uid-p' }))
    w.report('port', port(), { node: 'c1', epoch: 1, state: 'active' })
    if (isSent) await w.bus.desired.publish({ ...document(), uid: 'uid-p' })
    const its = port()
    Object.assign(its.status!, status)
    expect(look(w, its) !== undefined).toBe(held)
  })
})
