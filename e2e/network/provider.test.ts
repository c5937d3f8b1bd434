// SPDX-License-Identifier: Apache-2.0
// Networks that are physical ones: guests and hosts outside of the cloud are on one segment, without tags and on a VLAN.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, NETWORK, PORT, PROVIDER_NETWORK, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { Instance, Network, Port, ProviderNetwork } from '../../lib/api/types.ts'
import { EXTERNAL_NETWORK, PHYSICAL_NETWORK } from '../../local/cloud/external-network.ts'
import { addressOf, type GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { OUTSIDE_DEVICE, outsideGateway, plugCable, startVlanHost, type VlanHost } from '../harness/outside.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const VLAN = 1207
const OUTSIDE = '10.74.0.250'
const OPEN = { securityGroupRefs: [{ name: 'open' }] }

let project: Project
let vlan: string
let outside: VlanHost
let flat: GuestDoor
beforeAll(async () => {
  project = await Project.create('net-provider')
  const rules = ['ingress', 'egress'].map((direction) => ({ direction, protocol: 'any' }))
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('open'), { rules }))
  // The physical network of the cloud's own external Network, which is the one without tags.
  const physical = await project.createClusterWide<ProviderNetwork>(PROVIDER_NETWORK, 'vlan', {
    type: 'vlan',
    physicalNetwork: PHYSICAL_NETWORK,
    vlanRanges: [{ minimum: VLAN, maximum: VLAN }],
    nodes: [{ interface: 'eth2' }],
  })
  vlan = physical.metadata.name
  const [host] = await Promise.all([
    startVlanHost(project.test, VLAN, `${OUTSIDE}/24`),
    project.createNetwork('net', '10.74.0.0/24', {
      network: { provider: { providerNetworkRef: { name: vlan } } },
      subnet: { allocationPools: [{ start: '10.74.0.10', end: '10.74.0.99' }] },
    }),
  ])
  outside = host
}, 120_000)
afterAll(async () => {
  await outside?.[Symbol.asyncDispose]()
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const untilReached = (host: Pick<GuestDoor, 'pings'>, address: string) =>
  waitUntilTrue(`${address} reached`, async () => (await host.pings(address, 1)) || undefined, 20_000)

test('every node is connected to the physical network, and says so', async () => {
  const { client } = project.test
  for (const name of [PHYSICAL_NETWORK, vlan]) {
    const { status } = await waitForReady<ProviderNetwork>(client, PROVIDER_NETWORK, { name })
    const nodes = project.test.computeNodes.length + 1
    expect(status).toMatchObject({ state: 'ACTIVE', nodeCount: nodes, connectedCount: nodes })
  }
}, 60_000)

test('flat: a guest and a host outside reach each other, by the guest’s own MAC', async () => {
  const gateway = outsideGateway(project.test)
  flat = await project.openDoor(OPEN, { name: EXTERNAL_NETWORK, namespace: EXTERNAL_NETWORK })
  await untilReached(flat, gateway.address)
  expect(await gateway.pings(flat.address)).toBe(true)
  const port = await project.test.client.get<Port>(PORT, project.at(flat.port))
  expect(await gateway.macOf(flat.address)).toBe(port.status?.macAddress)
}, 60_000)

test('a node whose interface goes is named, and connected again when it comes again', async () => {
  const { client, cloud, networkNode } = project.test
  const statusOf = async () => (await client.get<ProviderNetwork>(PROVIDER_NETWORK, { name: PHYSICAL_NETWORK })).status
  const message = expect.stringContaining('no interface eth2')
  await cloud.exec(networkNode, ['ip', 'link', 'delete', 'eth2'])
  const troubles = await waitUntilTrue('the node to be named', async () => (await statusOf())?.troubles)
  expect(troubles).toEqual([{ message, nodeCount: 1, nodes: [networkNode] }])

  await plugCable(project.test, networkNode)
  await waitUntilTrue('the node to be connected', async () => !(await statusOf())?.troubles?.length || undefined)
  await untilReached(flat, outsideGateway(project.test).address)
}, 60_000)

test('vlan: one of the ranges, a machine by DHCP and a host outside with that tag reach each other, and no one without', async () => {
  const network = await waitForReady<Network>(project.test.client, NETWORK, project.at('net'))
  expect(network.status).toMatchObject({ physicalNetwork: PHYSICAL_NETWORK, segmentationID: VLAN, mtu: 1500 })
  const { guest, door } = await project.bootGuests({ guest: OPEN }, OPEN)
  await project.waitForMark('guest', 'login')
  expect((await project.marks('guest')).find(({ what }) => what === 'net')?.rest).toBe(
    `${addressOf(guest)}/24 mtu 1500`,
  )
  // Between nodes too, and not through a tunnel: full packets pass where a tunnel's would not.
  await untilReached(door, addressOf(guest))
  await untilReached(outside.host, addressOf(guest))
  expect(await door.ssh(guest, `ping -c 1 -W 2 -s 1472 ${OUTSIDE} >/dev/null && echo yes`)).toBe('yes')
  await outside.host.within(['ping', '-c', '1', '-W', '2', '-M', 'do', '-s', '1472', addressOf(guest)])
  const untagged = outsideGateway(project.test)
  const alias = (action: string) => untagged.within(['ip', 'address', action, '10.74.0.251/24', 'dev', OUTSIDE_DEVICE])
  await alias('add')
  expect(await untagged.pings(addressOf(guest), 2)).toBe(false)
  expect(await untagged.macOf(addressOf(guest))).toBeUndefined()
  await alias('delete')
}, 120_000)

test('a machine whose node is cut off says so, as its port does, until the node is connected again', async () => {
  const { client, cloud } = project.test
  const { status } = await client.get<Instance>(INSTANCE, project.at('guest'))
  const [node, port] = [status?.node ?? '', status?.addresses?.[0]?.port ?? '']
  await cloud.exec(node, ['ip', 'link', 'delete', 'eth2'])
  const cut = { type: 'Ready', status: 'False', reason: 'NodeNotConnected' } as const
  expect(await waitForCondition(client, PORT, project.at(port), cut)).toContain(`node ${node} is not connected`)
  await waitForCondition(client, INSTANCE, project.at('guest'), cut)
  await plugCable(project.test, node)
  await waitForReady(client, PORT, project.at(port))
  await waitForReady(client, INSTANCE, project.at('guest'))
  await untilReached(outside.host, addressOf(await client.get<Instance>(INSTANCE, project.at('guest'))))
}, 60_000)
