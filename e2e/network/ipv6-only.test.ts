// SPDX-License-Identifier: Apache-2.0
// Guests of a Network that has IPv6 alone, on two nodes: address, metadata and names without any IPv4. Debian's dnsmasq on each node stands for a
// name server outside.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startInNode } from '../../agents/network/testing/cluster.ts'
import { CLOUD } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import { addressOf, type GuestDoor } from '../harness/guest-door.ts'
import { Project } from '../harness/project.ts'
import { waitUntilTrue } from '../harness/wait.ts'

const UPSTREAM = '127.0.0.11'
const DOMAIN = 'nephele.internal'
const kills: (() => void)[] = []

let project: Project
let left: Instance
let right: Instance
let door: GuestDoor

const setUpstreams = (upstreams: string[] | null) =>
  project.test.client.mergePatch(CLOUD, { name: 'default' }, { spec: { dns: { upstreams } } })

beforeAll(async () => {
  project = await Project.create('ipv6-only')
  await setUpstreams([UPSTREAM])
  for (const name of project.test.computeNodes) {
    const dnsmasq = ['dnsmasq', '--keep-in-foreground', '--no-resolv', '--no-hosts', '--bind-interfaces', '--pid-file=']
    const zone = ['--local=/world.test/', '--host-record=www.world.test,2001:db8::80', `--listen-address=${UPSTREAM}`]
    kills.push(startInNode(project.test.cloud.node(name), [...dnsmasq, '--user=root', ...zone]))
  }
  await project.createNetwork('net', 'fd00:48::/64', { subnet: { ipv6: { addressMode: 'dhcpv6-stateless' } } })
  ;({ left, right, door } = await project.bootGuests({
    left: { availabilityZone: 'zone-a' },
    right: { availabilityZone: 'zone-b' },
  }))
}, 180_000)
afterAll(async () => {
  for (const kill of kills) kill()
  await setUpstreams(null)
  await project.destroy()
}, 120_000)

const markOf = async (machine: string, what: string) =>
  (await project.marks(machine)).find((mark) => mark.what === what)?.rest

test('each has the address of its Port, made of what the network announces, and none of IPv4', async () => {
  for (const [name, machine] of Object.entries({ left, right })) {
    expect(addressOf(machine)).toMatch(/^fd00:48::/)
    await project.waitForMark(name, 'login')
    expect(await markOf(name, 'net')).toContain(`${addressOf(machine)}/64 `)
    expect(await door.ssh(machine, 'ip -4 -o address show dev eth0')).toBe('')
  }
  expect(left.status?.node).not.toBe(right.status?.node)
  expect(await door.ssh(left, `ping6 -c 2 -W 3 ${addressOf(right)}`)).toContain('2 packets received')
}, 120_000)

test('metadata at fe80::a9fe:a9fe: name, keys and who it is, without a config drive', async () => {
  for (const [name, machine] of Object.entries({ left, right })) {
    // The key by which the door comes in is one of them.
    expect(await door.ssh(machine, 'hostname')).toBe(name)
    expect(await markOf(name, 'meta')).toMatch(new RegExp(`^http .*"uuid": ?"${machine.metadata.uid}"`))
  }
  const url = "'http://[fe80::a9fe:a9fe%eth0]/latest/meta-data/hostname'"
  expect(await door.ssh(left, `wget -q -O - ${url}`)).toContain('left')
}, 60_000)

test('names: the resolver of the node is told by DHCPv6, and answers for machines and for the world', async () => {
  expect(await door.ssh(left, 'cat /etc/resolv.conf')).toMatch(/^nameserver fe80:[0:]*:a9fe:a9fe%eth0$/)
  const lookUp = (name: string) =>
    door.ssh(left, `nslookup ${name} 2>&1 || :`).then((text) => text.split('\n').slice(2).join('\n'))
  for (const [name, says] of [
    [`right.${DOMAIN}`, `Address: ${addressOf(right)}`],
    [addressOf(right), `name = right.${DOMAIN}`],
    ['www.world.test', 'Address: 2001:db8::80'],
  ] as const) {
    let text = ''
    await waitUntilTrue(
      `${name}: ${says}`,
      async () => (text = await lookUp(name)).includes(says) || undefined,
      30_000,
    ).catch((cause: unknown) => {
      throw new Error(`${name}: ${text}`, { cause })
    })
  }
  expect(await door.ssh(left, `ping6 -c 1 -W 3 right.${DOMAIN}`)).toContain('1 packets received')
}, 120_000)
