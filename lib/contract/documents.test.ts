// SPDX-License-Identifier: Apache-2.0
// What one side may say that the other does not know yet: versions of operator and agents differ while a cloud is upgraded.
import { describe, expect, test } from '@jest/globals'
import { CONTRACT_VERSION, Inventory, ObservedDocument, PortSpec } from './documents.ts'

const report = (facts: object, more: object = {}) => ({
  v: CONTRACT_VERSION,
  kind: 'instance',
  uid: 'u',
  node: 'n',
  versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
  state: 'running',
  facts,
  name: 'vm',
  bootId: 'b',
  since: 't',
  ...more,
})
const nic = { mac: 'fa:16:3e:00:00:01', portUid: 'p', networkUid: 'n', network: 'team/lan', addresses: ['10.0.0.2'] }
const port = {
  logicalPort: 'p',
  networkUid: 'n',
  mac: nic.mac,
  fixedIPs: [],
  mtu: 1442,
  vnicType: 'normal',
}

describe('a report', () => {
  test.each<[string, object, boolean]>([
    ['of an agent that says nothing of interfaces', {}, true],
    ['with all that is known of one', { nics: [nic] }, true],
    ['with a MAC alone', { nics: [{ mac: nic.mac }] }, true],
    ['without the MAC', { nics: [{ portUid: 'p' }] }, false],
    ['with another text for a MAC', { nics: [{ mac: 'FA:16:3E:00:00:01' }] }, false],
    ['of an orphan without interfaces', { orphans: [{ kind: 'instance', uid: 'u', what: 'w' }] }, true],
    ['of an orphan with some', { orphans: [{ kind: 'instance', uid: 'u', what: 'w', nics: [nic] }] }, true],
  ])('%s: understood %s', (_, facts, understood) => {
    const parsed = ObservedDocument.safeParse(report(facts))
    expect(parsed.success).toBe(understood)
    if (parsed.success) expect(parsed.data.facts).toEqual(facts)
  })
  test('of another major version is refused', () => {
    expect(ObservedDocument.safeParse(report({}, { v: CONTRACT_VERSION + 1 })).success).toBe(false)
  })
})

/** The longest that NATS takes (lib/nats/streams.ts). */
const LARGEST = 64 * 1024
const many = <T>(of: (index: number) => T, count: number): T[] => Array.from({ length: count }, (_, i) => of(i))

describe('what a node says is kept within bounds', () => {
  test('what is not known here is dropped: a newer agent is understood, and nothing is hoarded', () => {
    const padded = report(
      { nics: [{ ...nic, vlan: 5 }], orphans: [{ kind: 'instance', uid: 'u', what: 'w', new: {} }], junk: ['x'] },
      { junk: many(() => 'x', 1000), error: { reason: 'Reason', message: 'm', terminal: false, junk: 1 } },
    )
    expect(ObservedDocument.parse(padded)).toEqual(
      report(
        { nics: [nic], orphans: [{ kind: 'instance', uid: 'u', what: 'w' }] },
        { error: { reason: 'Reason', message: 'm', terminal: false } },
      ),
    )
  })
  test('what people read is cut, so that its state is still told', () => {
    const error = { reason: 'r', message: 'm'.repeat(LARGEST / 2), terminal: false }
    const parsed = ObservedDocument.parse(report({}, { error }))
    expect(parsed.error?.message).toBe('m'.repeat(4096))
    expect(parsed.state).toBe('running')
  })
  test('orphans beyond the first 256 are not told apart', () => {
    const orphans = many((i) => ({ kind: 'volume', uid: `u${i}`, what: '' }), 300)
    expect(ObservedDocument.parse(report({ orphans })).facts.orphans).toEqual(orphans.slice(0, 256))
  })
  test.each<[string, object, object]>([
    ['disks', { volumesAttached: many((i) => `u${i}`, 65) }, {}],
    ['interfaces', { nics: many(() => nic, 17) }, {}],
    ['addresses', { nics: [{ ...nic, addresses: many((i) => `10.0.0.${i}`, 9) }] }, {}],
    ['a name', {}, { name: 'x'.repeat(254) }],
    ['a state', {}, { state: 'x'.repeat(33) }],
    ['a boot id', {}, { bootId: 'x'.repeat(65) }],
  ])('too much of %s is refused, not cut: gaps in it would be taken for facts', (_, facts, more) => {
    expect(ObservedDocument.safeParse(report(facts, more)).success).toBe(false)
  })
  test('no string of an inventory is endless either', () => {
    const said = { v: 1, node: 'n', agentVersion: 'v'.repeat(LARGEST), bootId: 'b', cpus: 1, memoryMiB: 1, diskGiB: 1 }
    const inventory = Inventory.parse({ ...said, numa: [], address: '192.0.2.1', pools: [], junk: 'x' })
    expect(inventory.agentVersion).toHaveLength(64)
    expect(inventory).not.toHaveProperty('junk')
    expect(Inventory.safeParse({ ...inventory, address: 'a'.repeat(254) }).success).toBe(false)
  })
})

test.each([
  ['by an older operator, without the name of its network', port],
  ['with it', { ...port, network: 'team/lan' }],
])('a port %s', (_, spec) => expect(PortSpec.parse(spec)).toEqual(spec))
