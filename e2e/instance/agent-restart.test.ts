// SPDX-License-Identifier: Apache-2.0
// The agent is killed while a machine runs and another one is half made: what runs runs on, what was begun is ended, once.
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import { pathIn } from '../../local/node/node.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { ON_NET, Project } from '../harness/project.ts'
import { waitForGone, waitForObject, waitUntilTrue } from '../harness/wait.ts'

const NODE = 'compute-1'
const IN_ZONE = { availabilityZone: 'zone-a' }

let project: Project
let steady: Instance
let door: GuestDoor
beforeAll(async () => {
  project = await Project.create('inst-agent', { net: '10.29.0.0/24' })
  await project.createVolume('data')
  ;({ steady, door } = await project.bootGuests({ steady: IN_ZONE }))
  await project.waitForMark('steady', 'login')
}, 120_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

async function killAgent(): Promise<void> {
  const { cloud } = project.test
  const before = cloud.findDaemon(NODE, 'agent')?.pid
  const after = (await cloud.restartDaemon(NODE, 'agent')).pid
  expect(before).toBeDefined()
  expect(after).not.toBe(before)
}

/** The switch's row of a machine's port: another one would have cost packets. */
async function interfaceOf(machine: string): Promise<string> {
  const { uid } = (await project.waitForPortOf(machine)).metadata
  const find = ['ovs-vsctl', '--timeout=5', '--bare', '--columns=_uuid,ofport', 'find', 'Interface']
  return (await project.test.cloud.exec(NODE, [...find, `external_ids:iface-id=${uid}`])).stdout.trim()
}

test.each<[string, (uid: string) => Promise<boolean>]>([
  ['its disk is there', (uid) => onNode('a disk', () => existsSync(fileOf(`/var/lib/nephele/instances/${uid}`)))],
  ['its domain is there', (uid) => onNode('a domain', async () => (await domains()).includes(uid))],
])(
  'killed when %s, the new machine comes up once and the old one does not notice',
  async (_, reached) => {
    const boot = (await project.marks('steady'))[0]?.rest
    const [row, version] = [await interfaceOf('steady'), (await project.get('steady')).metadata.resourceVersion]
    const { metadata } = await project.createInstance('fresh', {
      ...ON_NET,
      ...IN_ZONE,
      volumes: [{ volumeRef: { name: 'data' } }],
    })
    await reached(metadata.uid)
    await killAgent()
    await project.waitActive('fresh')
    expect((await domains()).filter((uid) => uid === metadata.uid)).toHaveLength(1)

    expect(await interfaceOf('steady')).toBe(row)
    expect((await project.get('steady')).metadata.resourceVersion).toBe(version)
    expect(await door.ssh(steady, 'cat /proc/sys/kernel/random/boot_id')).toBe(boot)
    // As far as its removal the agent is killed once more.
    await project.rememberPorts()
    await project.test.client.remove(INSTANCE, project.at('fresh'))
    await killAgent()
    await waitForGone(project.test.client, INSTANCE, project.at('fresh'))
  },
  120_000,
)

test('a run state that was asked for while it was away is reached', async () => {
  const { client, cloud } = project.test
  await cloud.stopDaemon(NODE, 'agent')
  await project.patch(INSTANCE, 'steady', { spec: { runState: 'Stopped' } })
  await cloud.startDaemon(NODE, 'agent')
  const isOff = (i: Instance | undefined) => i?.status?.state === 'SHUTOFF'
  await waitForObject<Instance>(client, INSTANCE, project.at('steady'), isOff, { what: 'SHUTOFF', timeoutMs: 90_000 })
}, 120_000)

const fileOf = (path: string) => pathIn(project.test.cloud.node(NODE), path)

const domains = async () =>
  (await project.test.cloud.exec(NODE, ['virsh', 'list', '--all', '--uuid'])).stdout.split('\n').map((l) => l.trim())

function onNode(what: string, is: () => Promise<boolean> | boolean): Promise<boolean> {
  return waitUntilTrue(what, async () => (await is()) || undefined)
}
