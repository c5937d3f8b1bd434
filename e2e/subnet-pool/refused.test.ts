// SPDX-License-Identifier: Apache-2.0
// What a SubnetPool does not give, and what two pools of one AddressScope cannot both have.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ADDRESS_SCOPE, NETWORK, SUBNET, SUBNET_POOL } from '../../lib/api/kinds.ts'
import type { ResourceKind } from '../../lib/kube/object.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('pool-refused', { withImage: false })
  await project.create(NETWORK, draft.network(project.at('net')))
  await project.create(ADDRESS_SCOPE, draft.addressScope(project.at('scope'), { ipVersion: 4 }))
  const spec = { prefixes: ['10.61.0.0/16'], defaultQuota: 512, addressScopeRef: { name: 'scope' } }
  await project.create(SUBNET_POOL, draft.subnetPool(project.at('pool'), spec))
  await waitForReady(project.test.client, SUBNET_POOL, project.at('pool'))
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const of = (name: string, spec: object) =>
  project.create(SUBNET, draft.pooledSubnet(project.at(name), 'net', { name: 'pool' }, spec))
const says = (kind: ResourceKind, name: string, reason: string) =>
  waitForCondition(project.test.client, kind, project.at(name), { type: 'Ready', status: 'False', reason })

test('a larger range than there may be, one beyond the quota, one of elsewhere', async () => {
  await of('huge', { prefixLength: 8 })
  await of('large', { prefixLength: 22 })
  await of('else', { cidr: '10.62.0.0/24' })
  expect(await says(SUBNET, 'large', 'SubnetPoolQuotaExceeded')).toMatch(
    /may have 512 addresses .* has 0 and asks for 1024/,
  )
  expect(await says(SUBNET, 'else', 'CIDROutsidePool')).toMatch(
    /10.62.0.0\/24 is not in a prefix of SubnetPool .* \(10.61.0.0\/16\)/,
  )
  expect(await says(SUBNET, 'huge', 'NoFreeRange')).toMatch(/no free range with a prefix of 8 bits/)
}, 60_000)

test('a Subnet with two minds, and a pool of two families', async () => {
  await expect(of('both', { cidr: '10.61.0.0/24', prefixLength: 24 })).rejects.toThrow('and no cidr')
  await expect(of('gate', { gatewayIP: '10.61.0.9' })).rejects.toThrow('write its cidr too')
  const mixed = draft.subnetPool(project.at('mixed'), { prefixes: ['10.0.0.0/8', 'fd00::/48'] })
  await expect(project.create(SUBNET_POOL, mixed)).rejects.toThrow('make a SubnetPool for each')
})

test('a prefix that another pool of the scope has; a pool of another family; both go on when they can', async () => {
  const scoped = { addressScopeRef: { name: 'scope' } }
  const twin = { prefixes: ['10.0.0.0/8', '172.30.0.0/16'], ...scoped }
  await project.create(SUBNET_POOL, draft.subnetPool(project.at('twin'), twin))
  await project.create(SUBNET_POOL, draft.subnetPool(project.at('six'), { prefixes: ['fd61::/48'], ...scoped }))
  expect(await says(SUBNET_POOL, 'twin', 'CIDROverlap')).toMatch(
    /10.0.0.0\/8 overlaps 10.61.0.0\/16 of SubnetPool .*\/pool/,
  )
  expect(await says(SUBNET_POOL, 'six', 'AddressFamilyMismatch')).toMatch(/is of IPv4/)
  await project.patch(SUBNET_POOL, 'twin', { spec: { prefixes: ['172.30.0.0/16'] } })
  await waitForReady(project.test.client, SUBNET_POOL, project.at('twin'))
}, 60_000)
