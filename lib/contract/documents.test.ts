// SPDX-License-Identifier: Apache-2.0
// What one side may say that the other does not know yet: versions of operator and agents differ while a cloud is upgraded.
import { describe, expect, test } from '@jest/globals'
import { CONTRACT_VERSION, ObservedDocument, PortSpec } from './documents.ts'

const word = (facts: object, more: object = {}) => ({
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

describe('a word', () => {
  test.each<[string, object, boolean]>([
    ['of an agent that says nothing of interfaces', {}, true],
    ['with all that is known of one', { nics: [nic] }, true],
    ['with a MAC alone', { nics: [{ mac: nic.mac }] }, true],
    ['with something newer in one', { nics: [{ ...nic, vlan: 5 }] }, true],
    ['without the MAC', { nics: [{ portUid: 'p' }] }, false],
    ['with another text for a MAC', { nics: [{ mac: 'FA:16:3E:00:00:01' }] }, false],
    ['of an orphan without interfaces', { orphans: [{ kind: 'instance', uid: 'u', what: 'w' }] }, true],
    ['of an orphan with some', { orphans: [{ kind: 'instance', uid: 'u', what: 'w', nics: [nic] }] }, true],
  ])('%s: understood %s', (_, facts, understood) => {
    const parsed = ObservedDocument.safeParse(word(facts))
    expect(parsed.success).toBe(understood)
    if (parsed.success) expect(parsed.data.facts).toEqual(facts)
  })
  test('of another major version is refused', () => {
    expect(ObservedDocument.safeParse(word({}, { v: CONTRACT_VERSION + 1 })).success).toBe(false)
  })
})

test.each([
  ['by an older operator, without the name of its network', port],
  ['with it', { ...port, network: 'team/lan' }],
])('a port %s', (_, spec) => expect(PortSpec.parse(spec)).toEqual(spec))
