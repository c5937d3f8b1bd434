// SPDX-License-Identifier: Apache-2.0
// Guests with both families on two nodes: one interface whose IPv6 address they make themselves, one that asks for it by DHCPv6.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SUBNET } from '../../lib/api/kinds.ts'
import type { Instance, Port } from '../../lib/api/types.ts'
import { PORT } from '../../lib/api/kinds.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { subnet } from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let guests: readonly Instance[]
let door: GuestDoor

beforeAll(async () => {
  project = await Project.create('dual-stack')
  for (const [net, cidr, cidr6, addressMode] of [
    ['net', '10.43.0.0/24', 'fd00:43::/64', 'slaac'],
    ['asked', '10.44.0.0/24', 'fd00:44::/64', 'dhcpv6-stateful'],
  ] as const) {
    await project.createNetwork(net, cidr)
    await project.create(SUBNET, subnet(project.at(`${net}-6`), net, cidr6, { ipv6: { addressMode } }))
    await waitForReady(project.test.client, SUBNET, project.at(`${net}-6`))
  }
  const networks = ['net', 'asked'].map((name) => ({ networkRef: { name } }))
  const made = await project.bootGuests({
    left: { networks, availabilityZone: 'zone-a' },
    right: { networks, availabilityZone: 'zone-b' },
  })
  guests = [made.left, made.right]
  door = made.door
}, 180_000)
afterAll(() => project.destroy(), 120_000)

/** What the operator gave the machine's interface of the IPv6 network. */
async function addressOn(machine: Instance, prefix: string): Promise<string> {
  const ports = await project.test.client.list<Port>(PORT, { namespace: project.namespace })
  const own = ports.filter(({ status }) => status?.instance?.name === machine.metadata.name)
  const found = own.flatMap(({ status }) => status?.fixedIPs ?? []).map(({ ipAddress }) => ipAddress)
  return found.find((address) => address.startsWith(prefix)) ?? `none of ${found.join()}`
}

const shows = (machine: Instance, device: string, address: string) =>
  waitUntilTrue(
    `${address} on ${device} of ${machine.metadata.name}`,
    async () => {
      const text = await door.ssh(machine, `ip -6 addr show dev ${device}`)
      return text.includes(`${address}/`) && !text.includes('tentative') ? text : undefined
    },
    90_000, // the guest's boot is in it, too
  )

test('SLAAC: the address that the Port has is the one that the guest makes, and the other node answers at it', async () => {
  const [left, right] = guests as [Instance, Instance]
  expect(left.status?.node).not.toBe(right.status?.node)
  const [from, to] = [await addressOn(left, 'fd00:43:'), await addressOn(right, 'fd00:43:')]
  await shows(left, 'eth0', from)
  await shows(right, 'eth0', to)
  expect(await door.ssh(left, `ping6 -c 2 -W 3 ${to}`)).toContain('2 packets received')
  expect(await door.ssh(left, 'ip -6 route show default')).toContain('via fe80::')
}, 120_000)

test('DHCPv6: the guest is given the Port’s address, and no other', async () => {
  const [left, right] = guests as [Instance, Instance]
  const [from, to] = [await addressOn(left, 'fd00:44:'), await addressOn(right, 'fd00:44:')]
  const script = String.raw`printf '#!/bin/sh\n[ -z "$ipv6" ] || ip -6 addr replace $ipv6/128 dev $interface\n' > /tmp/6; chmod +x /tmp/6`
  for (const [machine, address] of [
    [left, from],
    [right, to],
  ] as const) {
    expect(await door.ssh(machine, 'ip -6 addr show dev eth1')).not.toContain('fd00:44:')
    await door.ssh(machine, `${script}; udhcpc6 -i eth1 -n -q -t 5 -T 2 -s /tmp/6`)
    await shows(machine, 'eth1', address)
  }
  expect(await door.ssh(left, `ping6 -c 2 -W 3 -I eth1 ${to}`)).toContain('2 packets received')
}, 120_000)
