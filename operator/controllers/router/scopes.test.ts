// SPDX-License-Identifier: Apache-2.0
// AddressScopes on a Router: what is joined, what is translated, and what is said of the rest.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { LogicalRouter } from '../../network/logical-kinds.ts'
import { snatRows } from '../../network/ovn/nat-plan.ts'
import type { Router } from '../../../lib/api/types.ts'
import { outsideWorld, type OutsideWorld } from '../../testing/outside-world.ts'
import { stored } from '../../testing/memory-deps.ts'

let w: OutsideWorld
beforeEach(() => {
  w = outsideWorld()
})
const PUBLIC = { networkRef: { name: 'public', namespace: 'admin' } }
/** A Subnet with the range, of the scope. */
const subnet = (name: string, cidr: string, addressScope?: string, [network, namespace] = ['lan', 'ns']) =>
  w.subnet(name, network, cidr, {
    namespace,
    status: { state: 'ACTIVE', ...(addressScope === undefined ? {} : { addressScope }) },
  })
const router = (names: string[], more: Partial<Router['spec']> = {}, status: Router['status'] = {}) =>
  stored<Router>('r', { interfaces: names.map((name) => ({ subnetRef: { name } })), ...more }, { status })
const made = () => w.network.rows.of('Router').get('uid-r')
const joined = () => made()?.interfaces.map(({ name }) => name.replace('ns/', ''))

describe('inside', () => {
  test.each<[string, (string | undefined)[], string[], string[]]>([
    ['of one scope', ['s', 's'], ['10.1.0.0/24', '10.2.0.0/24'], ['a', 'b']],
    ['without one', [undefined, undefined], ['10.1.0.0/24', '10.2.0.0/24'], ['a', 'b']],
    ['of two', ['s', 't'], ['10.1.0.0/24', '10.2.0.0/24'], ['a']],
    ['of one and of none', [undefined, 's'], ['10.1.0.0/24', '10.2.0.0/24'], ['a']],
    ['of one in each family', ['s', 't'], ['10.1.0.0/24', 'fd00::/64'], ['a', 'b']],
  ])('Subnets %s', async (_, scopes, cidrs, expected) => {
    for (const [i, cidr] of cidrs.entries()) subnet('ab'[i]!, cidr, scopes[i] && `infra/${scopes[i]}`)
    const said = await w.step(router(['a', 'b']))
    expect(joined()).toEqual(expected)
    if (expected.length === 2) expect(said).toEqual({ kind: 'done' })
    else
      expect(said).toMatchObject({
        reason: 'AddressScopeMismatch',
        message: expect.stringMatching(/Subnet b .*Subnet a /),
      })
  })
  test('what is joined stays joined', async () => {
    subnet('a', '10.1.0.0/24', 'infra/s')
    const b = subnet('b', '10.2.0.0/24')
    const interfaces = [{ subnet: 'b', subnetUID: b.metadata.uid, ipAddress: '10.2.0.1', prefixLength: 24 }]
    expect(await w.step(router(['a', 'b'], {}, { interfaces }))).toMatchObject({ reason: 'AddressScopeMismatch' })
    expect(joined()).toEqual(['b'])
  })
})

describe('to the outside', () => {
  const own = (addressScope?: string) => subnet('public', '203.0.113.0/24', addressScope, ['public', 'admin'])
  const sources = () => snatRows(made() as LogicalRouter).map((row) => row['logical_ip'])
  test.each<[string, string | undefined, string | undefined, string[]]>([
    ['the same scope is not translated', 'infra/s', 'infra/s', []],
    ['another one is', 'infra/s', 'infra/t', ['10.1.0.0/24']],
    ['none is', undefined, 'infra/t', ['10.1.0.0/24']],
    ['none is, though outside there is none either', undefined, undefined, ['10.1.0.0/24']],
  ])('IPv4: %s', async (_, inside, there, translated) => {
    own(there)
    subnet('a', '10.1.0.0/24', inside)
    expect(await w.step(router(['a'], { externalGateway: PUBLIC }))).toEqual({ kind: 'done' })
    expect(sources()).toEqual(translated)
  })
  test.each<[string, string, boolean]>([
    ['IPv6 of the scope of there is joined', 'infra/s', true],
    ['IPv6 of another one is not', 'infra/t', false],
  ])('%s', async (_, scope, isJoined) => {
    subnet('public-6', 'fd99::/64', 'infra/s', ['public', 'admin'])
    subnet('a', 'fd01::/64', scope)
    const said = await w.step(router(['a'], { externalGateway: PUBLIC }))
    expect(joined()).toEqual(isJoined ? ['a'] : [])
    if (!isJoined)
      expect(said).toMatchObject({
        reason: 'AddressScopeMismatch',
        message: expect.stringContaining('IPv6 is not translated'),
      })
    expect(made()?.gateway).toBeDefined()
  })
  test('a way outside that one which is joined must not have is refused', async () => {
    subnet('public-6', 'fd99::/64', 'infra/s', ['public', 'admin'])
    subnet('a', 'fd01::/64', 'infra/t')
    const plain = router(['a'])
    expect(await w.step(plain)).toEqual({ kind: 'done' })
    plain.spec.externalGateway = PUBLIC
    expect(await w.step(plain)).toMatchObject({ reason: 'AddressScopeMismatch' })
    expect([joined(), made()?.gateway]).toEqual([['a'], undefined])
  })
  test('without translation IPv4 of another scope is not joined', async () => {
    own('infra/s')
    subnet('a', '10.1.0.0/24', 'infra/t')
    const given = { network: 'admin/public', networkUID: 'uid-public', snat: false, fixedIPs: [] }
    const spec = { externalGateway: { ...PUBLIC, enableSNAT: false } }
    expect(await w.step(router(['a'], spec, { externalGateway: given }))).toMatchObject({
      reason: 'AddressScopeMismatch',
    })
    expect(joined()).toEqual([])
  })
})
