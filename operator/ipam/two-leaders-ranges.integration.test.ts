// SPDX-License-Identifier: Apache-2.0
// Two leaders that both believe to lead, on a real apiserver: no range of a SubnetPool is ever given twice, and none is lost.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { join } from 'node:path'
import { SUBNET_POOL } from '../../lib/api/kinds.ts'
import type { Subnet, SubnetPool } from '../../lib/api/types.ts'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import { startControlPlane, type ControlPlane } from '../../local/control-plane/start.ts'
import { stored } from '../testing/memory-deps.ts'
import { giveRange, type Given } from './give-range.ts'
import { takeBack } from './pool-ranges.ts'
import { RangeBook } from './range-book.ts'

const MANY = 120
const REF = { namespace: 'default', name: 'pool' }
let plane: ControlPlane
let client: HttpKubeClient

beforeAll(async () => {
  plane = await startControlPlane({ controllerManager: false })
  client = new HttpKubeClient(loadKubeConfig(plane.kubeconfigPath))
  const crd = join(import.meta.dirname, '..', '..', 'crds', 'subnetpools.yaml')
  await plane.kubectl(['apply', '-f', crd])
  await plane.kubectl(['wait', '--for=condition=Established', 'crd/subnetpools.nephele.dev', '--timeout=30s'])
  const made = await client.create<SubnetPool>(SUBNET_POOL, { metadata: REF, spec: { prefixes: ['10.0.0.0/8'] } })
  await client.updateStatus(SUBNET_POOL, { ...made, status: { prefixes: ['10.0.0.0/8'] } })
}, 60_000)

afterAll(async () => {
  await client.close()
  await plane.stop()
})

const subnet = (i: number) => stored<Subnet>(`s${i}`, { networkRef: { name: 'lan' }, subnetPoolRef: { name: 'pool' } })
const give = (book: RangeBook, i: number) =>
  book.change<SubnetPool, Given>(SUBNET_POOL, REF, (pool) => giveRange(pool, subnet(i)))
const held = async () => (await client.get<SubnetPool>(SUBNET_POOL, REF)).status?.allocations ?? []

test('many Subnets of two leaders at once: each has the range that it was told, and all are the lowest', async () => {
  const leaders = [new RangeBook(client), new RangeBook(client)] as const
  const told = await Promise.all(Array.from({ length: MANY }, (_, i) => give(leaders[i & 1 ? 1 : 0], i)))
  const cidrs = told.map((given) => (given && 'cidr' in given ? given.cidr : 'none'))
  const lowest = Array.from({ length: MANY }, (_, i) => `10.0.${i}.0/24`)
  expect([...cidrs].sort()).toEqual(lowest.sort())
  const stands = new Map((await held()).map(({ cidr, holderUID }) => [holderUID, cidr]))
  expect(cidrs.map((_, i) => stands.get(`uid-s${i}`))).toEqual(cidrs)
}, 60_000)

test('one that is given back by one leader goes to one of two that wait for it', async () => {
  const own = new Set(['uid-s3'])
  const [was] = (await held()).filter(({ holderUID }) => own.has(holderUID))
  await new RangeBook(client).change<SubnetPool, boolean>(SUBNET_POOL, REF, (pool) => takeBack(pool, own))
  const two = await Promise.all([MANY, MANY + 1].map((i) => give(new RangeBook(client), i)))
  expect(two.filter((given) => given && 'cidr' in given && given.cidr === was?.cidr)).toHaveLength(1)
  expect(new Set((await held()).map(({ cidr }) => cidr)).size).toBe(MANY + 1)
}, 30_000)
