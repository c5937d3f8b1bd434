// SPDX-License-Identifier: Apache-2.0
// virtlogd holds one end of every machine's console. Killed, it takes the log of those that run along, and nothing else: QEMU has no
// other pipe until its next start. That is why it is not among the kill cases, whose guests report on their consoles.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { Project } from '../harness/project.ts'
import { waitForObject } from '../harness/wait.ts'

const NODE = 'compute-1'

let project: Project
let box: Instance
let door: GuestDoor
beforeAll(async () => {
  project = await Project.create('console', { net: '10.81.0.0/24' })
  await project.createVolume('data')
  ;({ box, door } = await project.bootGuests({
    box: { availabilityZone: 'zone-a', volumes: [{ volumeRef: { name: 'data' } }] },
  }))
}, 120_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const bootId = () => door.ssh(box, 'cat /proc/sys/kernel/random/boot_id')

test('virtlogd killed: the machine runs on, writes to its volume and its console, and is led as before', async () => {
  const { client, cloud } = project.test
  const boot = await bootId()
  const before = cloud.findDaemon(NODE, 'virtlogd')?.pid
  const after = (await cloud.restartDaemon(NODE, 'virtlogd')).pid
  expect(before).toBeDefined()
  expect(after).not.toBe(before)

  // More than a pipe holds: a guest that its console blocks would stop here.
  await door.ssh(box, 'head -c 200000 /dev/zero | tr "\\0" . > /dev/console; sync')
  await door.ssh(box, 'dd if=/dev/urandom of=/dev/vdb bs=64k count=16 conv=fsync 2>&1')
  expect(await bootId()).toBe(boot)
  expect((await project.waitActive('box')).status?.startedAt).toBe(box.status?.startedAt)

  await project.patch(INSTANCE, 'box', { spec: { runState: 'Stopped' } })
  const isOff = (i: Instance | undefined) => i?.status?.state === 'SHUTOFF'
  await waitForObject<Instance>(client, INSTANCE, project.at('box'), isOff, { what: 'SHUTOFF' })
  await project.patch(INSTANCE, 'box', { spec: { runState: 'Running' } })
  await project.waitActive('box')
  await project.waitForMark('box', 'login', { notBoot: boot })
}, 180_000)
