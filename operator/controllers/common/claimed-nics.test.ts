// SPDX-License-Identifier: Apache-2.0
// What of a node's report on interfaces is our own record, and how much of the rest is believed.
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, Instance, Port } from '../../../lib/api/types.ts'
import type { ObservedNic } from '../../../lib/contract/documents.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import {
  CLAIMS_PER_MACHINE,
  findRecordedNic,
  isWithinMeans,
  listUnrecorded,
  MOST_MACHINES,
  mostMachines,
  type UnrecordedMachine,
} from './claimed-nics.ts'

const MAC = 'fa:16:3e:00:00:01'
const nic = (more: Partial<ObservedNic> = {}): ObservedNic => ({
  mac: MAC,
  portUid: 'uid-p',
  addresses: ['10.0.0.2'],
  ...more,
})
const machine = (name = 'vm') => stored<Instance>(name, { flavorRef: { name: 'f' }, imageRef: { name: 'i' } })
const port = (status: Port['status'] = { node: 'c1' }, spec: Partial<Port['spec']> = {}) =>
  stored<Port>('p', { networkRef: { name: 'lan' }, macAddress: MAC, ...spec }, { status })
const fixed = (...addresses: string[]) => addresses.map((ipAddress) => ({ subnet: 's', ipAddress, prefixLength: 24 }))
/** A document of the port on the node, with what it says of the interface. */
function sent(w: MemoryWorld, node: string, said?: ObservedNic): void {
  const find = w.bus.desired.find.bind(w.bus.desired)
  const versions = { incarnation: 1, term: 1, epoch: 1, generation: 1 }
  w.bus.desired.find = (at, kind, uid) =>
    at === node && kind === 'port' && uid === 'uid-p'
      ? { node, kind, uid, versions, tombstone: false, revision: 1, ...(said ? { nic: said } : {}) }
      : find(at, kind, uid)
}

describe('the record of an interface', () => {
  const recorded = { mac: MAC, portUid: 'uid-p', addresses: ['10.0.0.2'], network: 'ns/lan' }
  const there = { node: 'c1', fixedIPs: fixed('10.0.0.2') }
  test.each<[string, (w: MemoryWorld) => void, ObservedNic, object | undefined]>([
    ['is none of a Port that nobody names', (w) => w.put('ports', port(there)), { mac: MAC }, undefined],
    ['is none where there is neither Port nor document', () => undefined, nic(), undefined],
    ['is the document’s', (w) => sent(w, 'c1', nic({ mac: 'other' })), nic(), nic({ mac: 'other' })],
    ['is none of another node’s document', (w) => sent(w, 'c2', nic()), nic(), undefined],
    ['is the Port’s that stands there', (w) => w.put('ports', port(there)), nic(), recorded],
    [
      'is none of a Port that stands elsewhere',
      (w) => w.put('ports', port({ ...there, node: 'c2' })),
      nic(),
      undefined,
    ],
    [
      'is that of a Port that stands elsewhere, while its document is here',
      (w) => {
        w.put('ports', port({ ...there, node: 'c2' }))
        sent(w, 'c1')
      },
      nic(),
      recorded,
    ],
    [
      'is none of a Port without a MAC',
      (w) => w.put('ports', stored<Port>('p', { networkRef: { name: 'lan' } }, { status: there })),
      nic(),
      undefined,
    ],
    [
      'has the Network, once the Port is known on it',
      (w) => w.put('ports', port({ ...there, networkUID: 'uid-lan' })),
      nic(),
      { ...recorded, networkUid: 'uid-lan' },
    ],
    [
      'has what the Port was given before what it asks for',
      (w) => w.put('ports', port({ ...there, macAddress: 'given' })),
      nic(),
      { ...recorded, mac: 'given' },
    ],
    [
      'has what the Port asks for before it was given any',
      (w) =>
        w.put(
          'ports',
          port(
            { node: 'c1' },
            { fixedIPs: [{ subnetRef: { name: 's' }, ipAddress: '10.0.0.7' }, { subnetRef: { name: 't' } }] },
          ),
        ),
      nic(),
      { ...recorded, addresses: ['10.0.0.7'] },
    ],
  ])('%s', (_, change, claimed, expected) => {
    const w = memoryWorld()
    change(w)
    expect(findRecordedNic(claimed, 'c1', w.deps)).toEqual(expected)
  })
})

describe('what is not on record', () => {
  const world = (nics: ObservedNic[], report: object = {}) => {
    const w = memoryWorld()
    w.put('ports', port({ node: 'c1', fixedIPs: fixed('10.0.0.2', 'fd00::2') }))
    w.put('instances', machine())
    w.report('instance', machine(), { node: 'c1', epoch: 1, state: 'running', facts: { nics }, ...report })
    return w
  }
  const list = (w: MemoryWorld) => listUnrecorded('c1', w.deps)
  test.each<[string, ObservedNic, boolean]>([
    ['all of it is on record', nic({ addresses: ['10.0.0.2', 'fd00::2'] }), true],
    ['a part of it', nic(), true],
    ['no address is named', { mac: MAC, portUid: 'uid-p' }, true],
    ['one address is another', nic({ addresses: ['10.0.0.2', '10.0.0.9'] }), false],
    ['its addresses are, and the MAC is another', nic({ mac: 'fa:16:3e:00:00:09' }), false],
    ['none of it', { mac: 'fa:16:3e:00:00:09', portUid: 'uid-other' }, false],
  ])('an interface: %s', (_, claimed, isRecorded) => {
    expect(list(world([claimed]))).toEqual(
      isRecorded ? [] : [{ uid: 'uid-vm', name: 'ns/vm', isUnknown: false, nics: [claimed] }],
    )
  })

  test('of a machine with two interfaces it is the one that is not', () => {
    const strange = nic({ portUid: 'uid-strange' })
    expect(list(world([nic(), strange]))).toMatchObject([{ nics: [strange] }])
  })

  test('of a machine that is gone, or on another node: nothing', () => {
    const strange = nic({ portUid: 'uid-strange' })
    expect(list(world([strange], { state: 'gone' }))).toEqual([])
    expect(list(world([strange], { node: 'c2' }))).toEqual([])
  })

  test('a machine is unknown that has neither a resource nor a document', () => {
    const w = world([nic({ portUid: 'uid-strange' })])
    w.drop('instances', machine())
    expect(list(w)).toMatchObject([{ isUnknown: true }])
    w.bus.desired.find = () => ({}) as never
    expect(list(w)).toMatchObject([{ isUnknown: false }])
  })

  test('orphans too, but the machine’s own report is newer than the list of them', () => {
    const w = world([nic()])
    const orphan = (uid: string, kind = 'instance') => ({ kind, uid, nics: [nic({ portUid: 'uid-strange' })] })
    const node = stored<ComputeNode>('c1', {}, { namespace: '' })
    const orphans = [
      orphan('uid-vm'),
      orphan('uid-lost'),
      orphan('uid-disk', 'volume'),
      { kind: 'instance', uid: 'bare' },
    ]
    w.report('node', node, { node: 'c1', epoch: 1, state: 'ready', facts: { orphans: orphans as never } })
    expect(list(w)).toEqual([{ uid: 'uid-lost', isUnknown: true, nics: [nic({ portUid: 'uid-strange' })] }])
  })
})

describe('a node of its size', () => {
  const of = (cpus?: number, memoryMiB?: number) =>
    stored<ComputeNode>(
      'c1',
      {},
      {
        namespace: '',
        status: {
          inventory: { ...(cpus === undefined ? {} : { cpus }), ...(memoryMiB === undefined ? {} : { memoryMiB }) },
        },
      },
    )
  const small = of(1, 100_000)
  test.each<[string, ComputeNode | undefined, number]>([
    ['that nobody knows', undefined, MOST_MACHINES],
    ['of which the processors are known alone', of(1), MOST_MACHINES],
    ['of which the memory is known alone', of(undefined, 64), MOST_MACHINES],
    ['with little memory', of(64, 64 * 3 + 63), 3],
    ['with no end of both', of(1_000_000, 1_000_000_000), MOST_MACHINES],
  ])('%s has at most so many machines', (_, computeNode, most) => {
    expect(mostMachines(computeNode)).toBe(most)
  })
  test('with one processor has some, and fewer than with two', () => {
    expect(mostMachines(small)).toBeGreaterThan(0)
    expect(mostMachines(of(2, 100_000))).toBe(2 * mostMachines(small))
  })

  const machines = (count: number, nics: ObservedNic[]): UnrecordedMachine[] =>
    Array.from({ length: count }, (_, n) => ({ uid: `u${n}`, isUnknown: true, nics }))
  const most = mostMachines(small)
  const claims = (n: number) => [{ mac: MAC, addresses: Array.from({ length: n - 1 }, (_, i) => `a${i}`) }]
  test.each<[string, UnrecordedMachine[], boolean]>([
    ['no machine', [], true],
    ['as many as it can have', machines(most, [{ mac: MAC }]), true],
    ['one more', machines(most + 1, [{ mac: MAC }]), false],
    ['as many MACs and addresses as these can have', machines(most, claims(CLAIMS_PER_MACHINE)), true],
    ['all of them in one machine', machines(1, claims(most * CLAIMS_PER_MACHINE)), true],
    ['one more of them', machines(1, claims(most * CLAIMS_PER_MACHINE + 1)), false],
  ])('is believed with %s: %#', (_, said, isBelieved) => {
    expect(isWithinMeans(said, small)).toBe(isBelieved)
  })
})
