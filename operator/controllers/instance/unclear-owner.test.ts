// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, Instance, Network, Port } from '../../../lib/api/types.ts'
import type { ObservedNic } from '../../../lib/contract/documents.ts'
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
function world(of: ObservedNic, word: object = {}): MemoryWorld {
  const w = memoryWorld()
  for (const name of ['lan', 'wan']) w.put('networks', network(name))
  w.put('computeNodes', stored<ComputeNode>('c1', {}, { namespace: '' }))
  w.report('instance', old(), { node: 'c1', epoch: 4, state: 'running', facts: { nics: [of] }, ...word })
  return w
}
const look = (w: MemoryWorld, p = port()) => findUnclearOwner(machine(), [p], w.deps)

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
  ])('that %s: held %s', (_, word, held) => expect(look(world(nic(), word)) !== undefined).toBe(held))

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
  test('with the UID of this machine', () => {
    expect(look(orphaned(undefined, 'uid-vm'))).toMatchObject({
      message: expect.stringContaining('node c1 has a machine with the UID'),
    })
  })
})

describe('this machine itself', () => {
  test.each<[string, object, object, boolean]>([
    ['of a newer epoch', {}, { epoch: 3 }, true],
    ['of the epoch that it had there, and has left', { status: { epoch: 3 } }, { epoch: 3 }, false],
    ['let go of', {}, { epoch: 3, state: 'gone' }, false],
  ])('%s: held %s', (_, more, word, held) => {
    const w = memoryWorld()
    w.report('instance', machine(), {
      node: 'c1',
      epoch: 1,
      state: 'running',
      facts: { nics: [nic({ portUid: 'uid-p' })] },
      ...word,
    })
    expect(findUnclearOwner(machine(more), [port()], w.deps) !== undefined).toBe(held)
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
