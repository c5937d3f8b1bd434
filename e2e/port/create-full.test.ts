// SPDX-License-Identifier: Apache-2.0
// A Port of one's own, with its address and MAC chosen, in one machine and then in another on another node.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, PORT } from '../../lib/api/kinds.ts'
import type { Port } from '../../lib/api/types.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForObject, waitForReady } from '../harness/wait.ts'

const ipAddress = '10.63.0.77'
const macAddress = 'fa:16:3e:00:77:01'

let project: Project
let door: GuestDoor
beforeAll(async () => {
  project = await Project.create('port-full', { net: '10.63.0.0/24' })
  await project.createDoorKey()
  const fixedIPs = [{ subnetRef: { name: 'net' }, ipAddress }]
  await project.create(PORT, draft.port(project.at('own'), 'net', { fixedIPs, macAddress }))
  await waitForReady(project.test.client, PORT, project.at('own'))
  door = await project.openDoor()
}, 180_000)
afterAll(() => project.destroy(), 120_000)

const createMachine = (name: string, availabilityZone: string) =>
  project.createInstance(name, {
    networks: [{ portRef: { name: 'own' } }],
    keyPairRef: { name: 'door' },
    availabilityZone,
  })
/** What the guest at the port's address says of itself. */
const lookInside = async () => (await door.ssh(ipAddress, 'hostname; cat /sys/class/net/eth0/address')).split('\n')

test('the machine that names it has its address and MAC', async () => {
  await createMachine('first', 'zone-a')
  const first = await project.waitActive('first')
  expect(first.status?.addresses).toEqual([{ network: 'net', port: 'own', ipAddress, macAddress }])
  expect(await lookInside()).toEqual(['first', macAddress])
  const port = await waitForReady<Port>(project.test.client, PORT, project.at('own'))
  expect(port.status).toMatchObject({ state: 'ACTIVE', node: first.status?.node, instance: { name: 'first' } })
}, 120_000)

test('a second machine waits and is told who uses it; deleting it waits too', async () => {
  const { client } = project.test
  await createMachine('second', 'zone-b')
  const message = await waitForCondition(client, INSTANCE, project.at('second'), {
    type: 'Reconciling',
    reason: 'PortInUse',
  })
  expect(message).toMatch(/Port own in spec\.networks\[0\]\.portRef is used by Instance first/)
}, 60_000)

test('it outlives its machine, and moves with its address to the one that waits, on another node', async () => {
  const { client } = project.test
  await project.remove(INSTANCE, 'first')
  const second = await project.waitActive('second')
  expect(second.status?.addresses).toEqual([{ network: 'net', port: 'own', ipAddress, macAddress }])
  const isSeconds = (p: Port | undefined) => p?.status?.state === 'ACTIVE' && p.status.instance?.name === 'second'
  const port = await waitForObject<Port>(client, PORT, project.at('own'), isSeconds, { what: 'ACTIVE for second' })
  expect(port?.status?.node).toBe(second.status?.node)
  expect(await lookInside()).toEqual(['second', macAddress])
}, 120_000)

test('deleted while it is used it stays and says by what; then it goes', async () => {
  const { client } = project.test
  await client.remove(PORT, project.at('own'))
  const message = await waitForCondition(client, PORT, project.at('own'), { type: 'Reconciling', reason: 'InUse' })
  expect(message).toContain(`Instance ${project.namespace}/second`)
  expect(await lookInside()).toEqual(['second', macAddress])
  await project.remove(INSTANCE, 'second')
  await waitForObject(client, PORT, project.at('own'), (p) => p === undefined, { what: 'gone' })
}, 90_000)
