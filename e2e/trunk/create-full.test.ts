// SPDX-License-Identifier: Apache-2.0
// Guests on two nodes, one on a tap and one that shares memory with a switch on DPDK, talk by VLANs of their interfaces to other networks;
// Ports come and go while they run, and move with their parent.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, PORT, REACHABILITY, TRUNK } from '../../lib/api/kinds.ts'
import type { Instance, Port, Reachability, Trunk } from '../../lib/api/types.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForGone, waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const MTU = 1442
let project: Project
let near: Instance
let far: Instance
let door: GuestDoor
const subports = (...pairs: [string, number][]) =>
  pairs.map(([name, segmentationID]) => ({ portRef: { name }, segmentationID }))
const trunkIs = async (name: string, state: string, more: (trunk: Trunk) => boolean = () => true): Promise<Trunk> => {
  const is = (trunk: Trunk | undefined) =>
    trunk?.status?.state === state && trunk.status.observedGeneration === trunk.metadata.generation && more(trunk)
  const what = `Trunk ${name} ${state}`
  return (await waitForObject<Trunk>(project.test.client, TRUNK, project.at(name), is, { what, timeoutMs: 90_000 }))!
}
beforeAll(async () => {
  project = await Project.create('trunk-full', { net: '10.83.0.0/24' })
  await project.createNetwork('blue', '10.84.0.0/24')
  await project.createNetwork('red', '10.85.0.0/24')
  const port = (name: string, network: string, spec: object = {}) =>
    project.create(PORT, draft.port(project.at(name), network, spec))
  await port('near-eth', 'net')
  await port('far-eth', 'net', { vnicType: 'vhostuser' })
  await port('near-blue', 'blue')
  await port('far-blue', 'blue')
  await port('near-red', 'red')
  const trunk = (name: string, ...pairs: [string, number][]) =>
    project.create(
      TRUNK,
      draft.trunk(project.at(name), { portRef: { name: `${name}-eth` }, subports: subports(...pairs) }),
    )
  await trunk('near', ['near-blue', 100])
  await trunk('far', ['far-blue', 300])
  const on = (name: string) => ({ networks: [{ portRef: { name } }] })
  ;({ near, far, door } = await project.bootGuests({
    near: { ...on('near-eth'), availabilityZone: 'zone-a' },
    far: on('far-eth'),
  }))
}, 180_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const portOf = (name: string) => project.test.client.get<Port>(PORT, project.at(name))
const addressOfPort = async (name: string) => (await portOf(name)).status?.fixedIPs?.[0]?.ipAddress ?? ''
/** A VLAN of the guest's interface with the Port's MAC address, and what DHCP gives it there. */
async function addVlan(guest: Instance, tag: number, port: string): Promise<string> {
  const device = `eth0.${tag}`
  const script = [
    'while read -r m; do insmod /mod/$m.ko 2>/dev/null; done < /mod/vlan',
    `vconfig add eth0 ${tag} >/dev/null`,
    `ip link set ${device} address ${(await portOf(port)).status?.macAddress} up`,
    `udhcpc -i ${device} -O mtu -O staticroutes -t 10 -T 1 -n -q -s /etc/dhcp.sh >/dev/null 2>&1`,
    `ip -4 -o addr show dev ${device} | sed 's/.*inet \\([^ /]*\\).*/\\1/'`,
  ]
  return door.ssh(guest, script.join('; '))
}
const pings = (guest: Instance, address: string, size = 56) =>
  door.ssh(guest, `ping -c 1 -W 1 -s ${size} ${address} >/dev/null 2>&1 && echo yes || echo no`)
const untilPings = (guest: Instance, address: string, want: 'yes' | 'no') =>
  waitUntilTrue(`${address}: ${want}`, async () => (await pings(guest, address)) === want)

test('what they send with the tag comes in at the subport, with its address, MTU and metadata, on both kinds of interface', async () => {
  const trunks = await Promise.all([trunkIs('near', 'ACTIVE'), trunkIs('far', 'ACTIVE')])
  expect(trunks.map(({ status }) => status?.node)).toEqual([near.status?.node, far.status?.node])
  expect(near.status?.node).not.toBe(far.status?.node)
  const blue = (await portOf('near-blue')).status
  expect(blue).toMatchObject({
    state: 'ACTIVE',
    node: near.status?.node,
    instance: { name: 'near' },
    trunk: { name: 'near' },
  })

  const [nearBlue, farBlue] = [await addVlan(near, 100, 'near-blue'), await addVlan(far, 300, 'far-blue')]
  expect([nearBlue, farBlue]).toEqual([await addressOfPort('near-blue'), await addressOfPort('far-blue')])
  await untilPings(near, farBlue, 'yes')
  await untilPings(far, nearBlue, 'yes')
  expect(await pings(near, farBlue, MTU - 28)).toBe('yes')
  expect(await door.ssh(near, `wget -q -T 5 -O - http://${farBlue}/`)).toBe('far')
  // A probe of a Port goes the way of its interface: by a tap with a tag, and without one and with one by shared memory.
  const probe = async (source: string, destination: string) => {
    const at = project.at(`from-${source}`)
    const ends = { source: { portRef: { name: source } }, destination: { portRef: { name: destination } } }
    await project.create(REACHABILITY, draft.reachability(at, { ...ends, verify: true }))
    const { status } = await waitForReady<Reachability>(project.test.client, REACHABILITY, at)
    return [status?.reachable, status?.probe?.result, status?.probe?.answeredBy]
  }
  expect(await probe('near-blue', 'far-blue')).toEqual([true, 'Answered', farBlue])
  expect(await probe('far-blue', 'near-blue')).toEqual([true, 'Answered', nearBlue])
  expect(await probe('far-eth', 'near-eth')).toEqual([true, 'Answered', await addressOfPort('near-eth')])
  // The route to the metadata service is the VLAN's by now.
  const metadata = 'http://169.254.169.254/openstack/latest'
  expect(await door.ssh(near, 'ip route get 169.254.169.254')).toContain('dev eth0.100')
  expect(JSON.parse(await door.ssh(near, `wget -q -T 5 -O - ${metadata}/meta_data.json`))).toMatchObject({
    hostname: 'near',
  })
  const data = JSON.parse(await door.ssh(near, `wget -q -T 5 -O - ${metadata}/network_data.json`)) as {
    links: unknown[]
  }
  expect(data.links).toContainEqual(
    expect.objectContaining({ type: 'vlan', vlan_id: 100, vlan_mac_address: blue?.macAddress }),
  )
}, 180_000)

test('tags and Ports change while it runs, also when its agent has just started anew', async () => {
  const farBlue = await addressOfPort('far-blue')
  await project.test.cloud.restartDaemon(near.status?.node ?? '', 'agent')
  await project.patch(TRUNK, 'near', { spec: { subports: subports(['near-blue', 101], ['near-red', 200]) } })
  await trunkIs('near', 'ACTIVE')
  expect(await pings(near, farBlue)).toBe('no')
  await door.ssh(near, 'vconfig rem eth0.100 >/dev/null')
  expect(await addVlan(near, 101, 'near-blue')).toBe(await addressOfPort('near-blue'))
  await untilPings(near, farBlue, 'yes')
  expect(await addVlan(near, 200, 'near-red')).toBe(await addressOfPort('near-red'))

  await project.patch(TRUNK, 'near', { spec: { subports: subports(['near-blue', 101]) } })
  await waitUntilTrue('the Port is free', async () => (await portOf('near-red')).status?.trunk === undefined)
  expect((await portOf('near-red')).status).toMatchObject({ state: 'DOWN' })
  expect(await pings(near, farBlue)).toBe('yes')
}, 180_000)

test('the parent goes to a machine on another node, and its subports with it', async () => {
  await project.remove(INSTANCE, 'near')
  await trunkIs('near', 'DOWN', ({ status }) => status?.node === undefined)
  const spec = { networks: [{ portRef: { name: 'near-eth' } }], keyPairRef: { name: 'door' } }
  const moved = await project.boot('moved', { ...spec, availabilityZone: 'zone-b' })
  const { status } = await trunkIs('near', 'ACTIVE')
  expect(status?.node).toBe(moved.status?.node)
  expect(moved.status?.node).not.toBe(near.status?.node)
  expect((await portOf('near-blue')).status).toMatchObject({ node: moved.status?.node, instance: { name: 'moved' } })
  expect(await addVlan(moved, 101, 'near-blue')).toBe(await addressOfPort('near-blue'))
  await untilPings(moved, await addressOfPort('far-blue'), 'yes')
}, 180_000)

test('machine, Trunk and Ports deleted at once, while it runs', async () => {
  const { client } = project.test
  const all = [
    [PORT, 'far-eth'],
    [PORT, 'far-blue'],
    [TRUNK, 'far'],
    [INSTANCE, 'far'],
  ] as const
  for (const [kind, name] of all) await client.remove(kind, project.at(name))
  for (const [kind, name] of all) await waitForGone(client, kind, project.at(name), 60_000)
}, 90_000)
