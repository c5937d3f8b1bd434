// SPDX-License-Identifier: Apache-2.0
// Interfaces that come and go while the machine runs: plugged in and out of the guest, each in its place, while agent and libvirtd restart.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, PORT } from '../../lib/api/kinds.ts'
import type { Instance, Port } from '../../lib/api/types.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForObject, waitUntilTrue } from '../harness/wait.ts'

const NET = { networkRef: { name: 'net' } }
const BACK = { networkRef: { name: 'back' } }
const MINE = { portRef: { name: 'mine' } }

let project: Project
let door: GuestDoor
let box: Instance
beforeAll(async () => {
  project = await Project.create('interfaces', { net: '10.62.0.0/24' })
  await project.createNetwork('back', '10.63.0.0/24')
  await project.create(PORT, draft.port(project.at('mine'), 'back'))
  ;({ box, door } = await project.bootGuests({ box: {} }))
}, 180_000)
afterAll(() => project.destroy(), 120_000)

const setNetworks = (...networks: object[]) => project.patch(INSTANCE, 'box', { spec: { networks } })
const waitForBox = (what: string, accept: (i: Instance) => boolean) =>
  waitForObject<Instance>(project.test.client, INSTANCE, project.at('box'), (i) => i !== undefined && accept(i), {
    what,
    timeoutMs: 60_000,
  }) as Promise<Instance>
const macs = async () => ((await project.get('box')).status?.addresses ?? []).map(({ macAddress }) => macAddress)

/** The guest's interfaces: PCI address by MAC. */
async function inGuest(): Promise<Record<string, string>> {
  const command =
    'for n in /sys/class/net/eth*; do echo "$(cat $n/address) $(basename $(dirname $(readlink -f $n/device)))"; done'
  const lines = (await door.ssh(box, command)).trim().split('\n')
  return Object.fromEntries(lines.map((line) => line.split(' ') as [string, string]))
}
const waitInGuest = (count: number) =>
  waitUntilTrue(`${count} interfaces in the guest`, async () => {
    const has = await inGuest()
    return Object.keys(has).length === count ? has : undefined
  })

let places: Record<string, string>

test('one that is added is plugged into the guest, and packets pass', async () => {
  await setNetworks(NET, MINE)
  const machine = await waitForBox('has a second address', (i) => i.status?.addresses?.length === 2)
  const back = machine.status?.addresses?.[1]
  await waitInGuest(2)
  await project.waitActive('box')
  const backDoor = await project.openDoor({}, 'back')
  // One that was booting has it by DHCP already.
  await door.ssh(box, `ip link set eth1 up; ip addr add ${back?.ipAddress}/24 dev eth1 2>/dev/null; true`)
  await waitUntilTrue('a ping', async () => (await backDoor.pings(back?.ipAddress ?? '', 1)) || undefined)
}, 120_000)

test('another one, while the agent and libvirtd are killed', async () => {
  const { cloud } = project.test
  const node = box.status?.node ?? ''
  await setNetworks(NET, MINE, BACK)
  await cloud.restartDaemon(node, 'libvirtd')
  await cloud.restartDaemon(node, 'agent')
  places = await waitInGuest(3)
  await project.waitActive('box')
  expect(Object.keys(places).sort()).toEqual((await macs()).sort())
}, 120_000)

test('one that is taken out leaves the guest, and its Port is free; the others stay where they are', async () => {
  const [, mine] = await macs()
  await setNetworks(NET, BACK)
  const has = await waitInGuest(2)
  const rest = Object.fromEntries(Object.entries(places).filter(([mac]) => mac !== mine))
  expect(has).toEqual(rest)
  await waitForObject<Port>(project.test.client, PORT, project.at('mine'), (p) => p?.status?.instance === undefined, {
    what: 'mine is nobody’s',
  })
  await waitForBox('has the addresses of two', (i) => i.status?.addresses?.length === 2)
  places = rest
}, 120_000)

test('a guest that does not let go of one: its Port stays, and goes at the next start', async () => {
  const [, mac] = await macs()
  const { status } = await project.get('box')
  const port = project.at(status?.addresses?.[1]?.port ?? '')
  // By this event QEMU tells a guest of PCI devices that come and go.
  await door.ssh(box, 'echo mask > /sys/firmware/acpi/interrupts/gpe01; sync')
  await setNetworks(NET)
  const message = await waitForCondition(project.test.client, INSTANCE, project.at('box'), {
    type: 'DetachPending',
    reason: 'GuestHoldsInterface',
  })
  expect(message).toContain(port.name)
  expect((await project.get('box')).status?.pendingChanges).toEqual(['spec.networks'])
  expect(Object.keys(await inGuest())).toContain(mac)
  expect((await project.test.client.get<Port>(PORT, port)).metadata.deletionTimestamp).toBeUndefined()
  await project.patch(INSTANCE, 'box', { spec: { runState: 'Stopped' } })
  await waitForGone(project.test.client, PORT, port)
  await project.patch(INSTANCE, 'box', { spec: { runState: 'Running' } })
  await project.waitActive('box')
  expect(await waitInGuest(1)).toEqual(Object.fromEntries(Object.entries(places).filter(([other]) => other !== mac)))
}, 180_000)
