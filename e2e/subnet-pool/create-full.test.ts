// SPDX-License-Identifier: Apache-2.0
// Subnets of both families whose ranges pools give, with a guest in them that configures itself by each way that IPv6 has and by DHCP;
// the ranges stay with the Subnets and come back with them.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ADDRESS_SCOPE, NETWORK, PORT, ROUTER, SUBNET, SUBNET_POOL } from '../../lib/api/kinds.ts'
import type { Instance, Port, Router, Subnet, SubnetPool } from '../../lib/api/types.ts'
import type { ResourceKind } from '../../lib/kube/object.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const MODES = ['slaac', 'dhcpv6-stateless', 'dhcpv6-stateful'] as const
let project: Project
let box: Instance
let door: GuestDoor

async function pooledSubnet(name: string, network: string, pool: string, spec: object): Promise<void> {
  await project.create(SUBNET, draft.pooledSubnet(project.at(name), network, { name: pool }, spec))
  await waitForReady(project.test.client, SUBNET, project.at(name))
}

beforeAll(async () => {
  project = await Project.create('pool-full')
  await project.create(ADDRESS_SCOPE, draft.addressScope(project.at('six'), { ipVersion: 6 }))
  const six = { prefixes: ['fd62::/56'], addressScopeRef: { name: 'six' } }
  await project.create(SUBNET_POOL, draft.subnetPool(project.at('six'), six))
  await project.create(SUBNET_POOL, draft.subnetPool(project.at('four'), { prefixes: ['10.62.0.0/22'] }))
  await project.createNetwork('net', '10.63.0.0/24')
  for (const addressMode of MODES) {
    await project.create(NETWORK, draft.network(project.at(addressMode)))
    await pooledSubnet(addressMode, addressMode, 'six', {
      ipv6: { addressMode },
      dhcp: { dnsNameservers: ['fd62::53'] },
    })
    await pooledSubnet(`${addressMode}-4`, addressMode, 'four', { prefixLength: 28 })
  }
  const networks = ['net', ...MODES].map((name) => ({ networkRef: { name } }))
  ;({ box, door } = await project.bootGuests({ box: { networks } }))
}, 180_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const poolOf = (name: string) => project.test.client.get<SubnetPool>(SUBNET_POOL, project.at(name))
const says = (kind: ResourceKind, name: string, reason: string) =>
  waitForCondition(project.test.client, kind, project.at(name), { type: 'Ready', status: 'False', reason })

/** What the operator gave the machine's interface of the network: IPv4, IPv6. */
async function addressesOn(network: string): Promise<readonly string[]> {
  const ports = await project.test.client.list<Port>(PORT, { namespace: project.namespace })
  const isIts = ({ spec, status }: Port) =>
    spec.networkRef.name === network && status?.instance?.uid === box.metadata.uid
  return ports.find(isIts)?.status?.fixedIPs?.map(({ ipAddress }) => ipAddress) ?? []
}

const shows = (device: string, address: string | undefined) =>
  waitUntilTrue(
    `${address} on ${device}`,
    async () => ((await door.ssh(box, `ip addr show dev ${device}`)).includes(` ${address}/`) ? true : undefined),
    60_000,
  )

test('each Subnet has its own range, the lowest that was free, and the pools say whose it is', async () => {
  const cidrOf = async (name: string) => (await project.test.client.get<Subnet>(SUBNET, project.at(name))).status?.cidr
  expect(await Promise.all(MODES.map(cidrOf))).toEqual(['fd62::/64', 'fd62:0:0:1::/64', 'fd62:0:0:2::/64'])
  const four = ['10.62.0.0/28', '10.62.0.16/28', '10.62.0.32/28']
  expect(await Promise.all(MODES.map((mode) => cidrOf(`${mode}-4`)))).toEqual(four)
  const { status } = await poolOf('six')
  expect(status).toMatchObject({ state: 'ACTIVE', subnets: 3, prefixes: ['fd62::/56'] })
  expect(status?.allocations?.map(({ holder }) => holder)).toEqual(MODES.map((name) => `${project.namespace}/${name}`))
})

test('the guest has an address of each family: makes that of its Port by slaac and dhcpv6-stateless, or is given it', async () => {
  const [slaac, stateless, stateful] = await Promise.all(MODES.map(addressesOn))
  await shows('eth1', slaac?.[0])
  await shows('eth1', slaac?.[1])
  await shows('eth2', stateless?.[1])
  const lines = [
    '#!/bin/sh',
    '[ -z "$ipv6" ] || ip -6 addr replace $ipv6/128 dev $interface',
    '[ "$1" = deconfig ] || env > /tmp/said.$interface',
  ]
  const script = lines.map((line) => `echo '${line}' >> /tmp/6`).join('; ')
  await door.ssh(box, `${script}; chmod +x /tmp/6; udhcpc6 -i eth3 -n -q -t 5 -T 2 -s /tmp/6`)
  await shows('eth3', stateful?.[1])
  // Stateless: no address, but what else there is to know.
  await door.ssh(box, 'udhcpc6 -i eth2 -l -n -q -t 5 -T 2 -s /tmp/6')
  expect(await door.ssh(box, 'cat /tmp/said.eth2')).toMatch(/dns=fd62:[0:]*:0053/)
}, 120_000)

test('a Router joins Subnets of one AddressScope, and none of another', async () => {
  const interfaces = ['slaac', 'dhcpv6-stateful'].map((name) => ({ subnetRef: { name } }))
  await project.create(ROUTER, draft.router(project.at('r'), { interfaces }))
  await waitForReady<Router>(project.test.client, ROUTER, project.at('r'))
  await project.create(SUBNET, draft.subnet(project.at('alien'), 'net', 'fd63::/64'))
  await waitForReady(project.test.client, SUBNET, project.at('alien'))
  await project.patch(ROUTER, 'r', { spec: { interfaces: [...interfaces, { subnetRef: { name: 'alien' } }] } })
  expect(await says(ROUTER, 'r', 'AddressScopeMismatch')).toMatch(/alien .* is of no AddressScope/)
  const { status } = await project.test.client.get<Router>(ROUTER, project.at('r'))
  expect(status?.interfaces?.map(({ subnet }) => subnet)).toEqual(['slaac', 'dhcpv6-stateful'])
  const routes = await door.ssh(box, 'ip -6 route show default dev eth1')
  expect(routes).toContain('via fe80::')
  await project.remove(ROUTER, 'r')
}, 60_000)

test('a range is free again once its Subnet is gone; a pool, a prefix and a scope in use stay and say so', async () => {
  const { client } = project.test
  await project.create(SUBNET_POOL, draft.subnetPool(project.at('pool'), { prefixes: ['10.64.0.0/22'] }))
  for (const name of ['a', 'b']) {
    await project.create(NETWORK, draft.network(project.at(name)))
    await pooledSubnet(name, name, 'pool', { prefixLength: 23 })
  }
  await project.patch(SUBNET_POOL, 'pool', { spec: { prefixes: ['10.64.2.0/23', '10.64.8.0/22'] } })
  expect(await says(SUBNET_POOL, 'pool', 'PrefixInUse')).toMatch(/10.64.0.0\/22 is not in spec.prefixes any more/)
  await client.remove(SUBNET_POOL, project.at('pool'))
  expect(await says(SUBNET_POOL, 'pool', 'InUse')).toMatch(/\/a, .*\/b/)
  await client.remove(ADDRESS_SCOPE, project.at('six'))
  expect(await says(ADDRESS_SCOPE, 'six', 'InUse')).toMatch(/SubnetPool .*\/six/)
  await project.remove(SUBNET, 'a')
  expect((await poolOf('pool')).status).toMatchObject({ subnets: 1 })
  await project.remove(SUBNET, 'b')
  await waitForGone(client, SUBNET_POOL, project.at('pool'))
}, 60_000)
