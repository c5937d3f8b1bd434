// SPDX-License-Identifier: Apache-2.0
// Guests that find each other and the world by name, with no name server of their own. Debian's dnsmasq on each node stands for one outside.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startInNode } from '../../agents/network/testing/cluster.ts'
import { CLOUD, INSTANCE } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { Project } from '../harness/project.ts'
import { waitUntilTrue } from '../harness/wait.ts'

const UPSTREAM = '127.0.0.9'
const DOMAIN = 'nephele.internal'
const kills: (() => void)[] = []

let project: Project
let left: Instance
let door: GuestDoor

const setUpstreams = (upstreams: string[] | null) =>
  project.test.client.mergePatch(CLOUD, { name: 'default' }, { spec: { dns: { upstreams } } })

beforeAll(async () => {
  project = await Project.create('names', { net: '10.46.0.0/24' })
  await setUpstreams([UPSTREAM])
  for (const name of ['compute-1', 'compute-2']) {
    const dnsmasq = ['dnsmasq', '--keep-in-foreground', '--no-resolv', '--no-hosts', '--bind-interfaces', '--pid-file=']
    const zone = [
      '--local=/world.test/',
      '--host-record=www.world.test,192.0.2.80',
      '--user=root',
      `--listen-address=${UPSTREAM}`,
    ]
    kills.push(startInNode(project.test.cloud.node(name), [...dnsmasq, ...zone]))
  }
  const made = await project.bootGuests({
    left: { availabilityZone: 'zone-a' },
    right: { availabilityZone: 'zone-b' },
  })
  left = made.left
  door = made.door
}, 180_000)
afterAll(async () => {
  for (const kill of kills) kill()
  await project.test.cloud.startDaemon(left.status?.node ?? '', 'agent')
  await setUpstreams(null)
  await project.destroy()
}, 120_000)

/** As the guest's own resolv.conf has it: nobody names a server here. For both families, and without what it says of the server. */
const lookUp = (name: string) =>
  door.ssh(left, `nslookup ${name} 2>&1 || :`).then((text) => text.split('\n').slice(2).join('\n'))

async function untilSaid(name: string, says: string): Promise<void> {
  let text = ''
  const isSaid = async () => ((text = await lookUp(name)).includes(says) && !text.includes("can't find")) || undefined
  await waitUntilTrue(`${name} to be ${says}`, isSaid, 30_000).catch((cause: unknown) => {
    throw new Error(`${name}: ${text}`, { cause })
  })
}

const addressOf = async (machine: string) =>
  (await project.waitForPortOf(machine)).status?.fixedIPs?.[0]?.ipAddress ?? ''

test('each finds the other by name, and its name by the address', async () => {
  expect(await door.ssh(left, 'cat /etc/resolv.conf')).toBe('nameserver 169.254.169.254')
  const right = await addressOf('right')
  await untilSaid(`right.${DOMAIN}`, `Address: ${right}`)
  expect(await lookUp(right)).toContain(`name = right.${DOMAIN}`)
}, 120_000)

test('and the world by the servers that the Cloud names', async () => {
  await untilSaid('www.world.test', 'Address: 192.0.2.80')
  expect(await lookUp('nobody.world.test')).toContain("can't find nobody.world.test: NXDOMAIN")
}, 90_000)

test('a machine with another hostname has another name; one that is taken it does not get until that is free', async () => {
  const taken = `left.${DOMAIN}`
  const reasonOf = async (machine: string) =>
    findCondition((await project.waitForPortOf(machine)).status?.conditions, 'Named')?.reason
  await project.patch(INSTANCE, 'right', { spec: { hostname: 'left' } })
  // Made in the same second, either may be the one that has it.
  const loser = await waitUntilTrue('one to be refused the name', async () => {
    for (const machine of ['left', 'right']) if ((await reasonOf(machine)) === 'NameInUse') return machine
    return undefined
  })
  const winner = loser === 'left' ? 'right' : 'left'
  await untilSaid(taken, `Address: ${await addressOf(winner)}`)
  await project.patch(INSTANCE, winner, { spec: { hostname: 'old' } })
  await untilSaid(taken, `Address: ${await addressOf(loser)}`)
  await untilSaid(`old.${DOMAIN}`, `Address: ${await addressOf(winner)}`)
  expect([(await project.waitForPortOf(loser)).status?.dnsName, await reasonOf(loser)]).toEqual([taken, 'Named'])
}, 90_000)

test('the resolver is back when it is killed, and there while the agent is away', async () => {
  const { cloud } = project.test
  const node = left.status?.node ?? ''
  await cloud.stopDaemon(node, 'agent')
  await cloud.restartDaemon(node, 'resolver')
  await untilSaid('www.world.test', 'Address: 192.0.2.80')
  await cloud.startDaemon(node, 'agent')
  await untilSaid('www.world.test', 'Address: 192.0.2.80')
}, 90_000)
