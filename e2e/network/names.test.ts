// SPDX-License-Identifier: Apache-2.0
// Guests that find each other and the world by name, with no name server of their own. Debian's dnsmasq on each node stands for one outside.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startInNode } from '../../agents/network/testing/cluster.ts'
import { CLOUD, COMPUTE_NODE, INSTANCE, PROVIDER_NETWORK } from '../../lib/api/kinds.ts'
import type { Instance, ProviderNetwork } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import { PHYSICAL_NETWORK } from '../../local/cloud/external-network.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitUntilTrue } from '../harness/wait.ts'

const UPSTREAM = '127.0.0.9'
/** Of a ProviderNetwork, and it knows the same name otherwise. */
const OWN_UPSTREAM = '127.0.0.10'
const VLAN = 1209
const DOMAIN = 'nephele.internal'
const kills: (() => void)[] = []

let project: Project
let left: Instance
let door: GuestDoor
let physical: { name: string }
let onPhysical: Instance
let physicalDoor: GuestDoor

const setUpstreams = (upstreams: string[] | null) =>
  project.test.client.mergePatch(CLOUD, { name: 'default' }, { spec: { dns: { upstreams } } })

beforeAll(async () => {
  project = await Project.create('names', { net: '10.46.0.0/24' })
  await setUpstreams([UPSTREAM])
  for (const name of ['compute-1', 'compute-2']) {
    const dnsmasq = ['dnsmasq', '--keep-in-foreground', '--no-resolv', '--no-hosts', '--bind-interfaces', '--pid-file=']
    for (const [server, address] of [
      [UPSTREAM, '192.0.2.80'],
      [OWN_UPSTREAM, '198.51.100.80'],
    ]) {
      const zone = ['--local=/world.test/', `--host-record=www.world.test,${address}`, `--listen-address=${server}`]
      kills.push(startInNode(project.test.cloud.node(name), [...dnsmasq, '--user=root', ...zone]))
    }
  }
  const { metadata } = await project.createClusterWide<ProviderNetwork>(PROVIDER_NETWORK, 'vlan', {
    ...{ type: 'vlan', physicalNetwork: PHYSICAL_NETWORK, vlanRanges: [{ minimum: VLAN, maximum: VLAN }] },
    ...{ nodes: [{ interface: 'eth2' }], dns: { upstreams: [OWN_UPSTREAM] } },
  })
  physical = { name: metadata.name }
  await project.createNetwork('physical', '10.47.0.0/24', { network: { provider: { providerNetworkRef: physical } } })
  const made = await project.bootGuests({
    left: { availabilityZone: 'zone-a' },
    right: { availabilityZone: 'zone-b' },
    third: { networks: [{ networkRef: { name: 'physical' } }] },
  })
  left = made.left
  door = made.door
  onPhysical = made.third
  physicalDoor = await project.openDoor({}, 'physical')
}, 180_000)
afterAll(async () => {
  for (const kill of kills) kill()
  await project.test.cloud.startDaemon(left.status?.node ?? '', 'agent')
  await setUpstreams(null)
  await project.destroy()
}, 120_000)

/** As the guest's own resolv.conf has it: nobody names a server here. For both families, and without what it says of the server. */
const lookUp = (name: string, at = left, by = door) =>
  by.ssh(at, `nslookup ${name} 2>&1 || :`).then((text) => text.split('\n').slice(2).join('\n'))

async function untilSaid(name: string, says: string, at = left, by = door): Promise<void> {
  let text = ''
  const isSaid = async () =>
    ((text = await lookUp(name, at, by)).includes(says) && !text.includes("can't find")) || undefined
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

test('on a ProviderNetwork by the servers that this names, from one word to the next', async () => {
  const { client } = project.test
  const name = (upstreams: string[] | null) =>
    client.mergePatch(PROVIDER_NETWORK, physical, { spec: { dns: { upstreams } } })
  const isSaid = (says: string) => untilSaid('www.world.test', says, onPhysical, physicalDoor)
  await isSaid('Address: 198.51.100.80')
  expect(await lookUp('www.world.test')).toContain('Address: 192.0.2.80')
  await name(null)
  await isSaid('Address: 192.0.2.80')
  await name([OWN_UPSTREAM])
  await isSaid('Address: 198.51.100.80')
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

test('its node says which servers it asks, that no resolver runs any more, and that one is back', async () => {
  const { client, cloud } = project.test
  const node = onPhysical.status?.node ?? ''
  const becomes = (reason: string, status: 'True' | 'False', message = /^/) =>
    waitForCondition(client, COMPUTE_NODE, { name: node }, { type: 'ResolverReady', status, reason, message })
  // The node says it with its next heartbeat: of the ProviderNetwork, which named none for a moment, later than of the Cloud.
  const both = new RegExp(
    `of ProviderNetwork ${physical.name} \\(spec\\.dns\\.upstreams\\), which answer: ${OWN_UPSTREAM}`,
  )
  const asked = await becomes('UpstreamsAnswer', 'True', both)
  expect(asked).toContain(`of the Cloud (spec.dns.upstreams), which answer: ${UPSTREAM}`)
  await cloud.stopDaemon(node, 'resolver')
  expect(await becomes('ResolverAway', 'False')).toContain('no resolver has run there since 20')
  await cloud.startDaemon(node, 'resolver')
  expect(await becomes('UpstreamsAnswer', 'True', both)).toBe(asked)
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
