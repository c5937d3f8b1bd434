// SPDX-License-Identifier: Apache-2.0
// A guest that shares its memory with a switch on DPDK, beside one on a tap of another node: attached, through reboots and kills, gone.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { COMPUTE_NODE, IMAGE, INSTANCE, PORT } from '../../lib/api/kinds.ts'
import type { ComputeNode, Instance, Port } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import { addressOf, GuestDoor } from '../harness/guest-door.ts'
import { asker, waitForRounds } from '../harness/load.ts'
import * as draft from '../harness/objects.ts'
import { findProcesses } from '../harness/processes.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForObject } from '../harness/wait.ts'

const ADDRESS = '10.64.0.10'
const MTU = 1442
const net = { networkRef: { name: 'net' } }
const vhostUser = { ...net, vnicType: 'vhostuser' as const }

let project: Project
let door: GuestDoor
let fast: Instance
let tap: Instance
/** The node with DPDK. */
let node: string
beforeAll(async () => {
  project = await Project.create('vhost-user')
  node = project.test.dpdkNodes[0] ?? ''
  expect(node).not.toBe('')
  await project.createNetwork('net', '10.64.0.0/24')
  await project.createDoorKey()
  const keyPairRef = { name: 'door' }
  await project.createInstance('fast', { networks: [{ ...vhostUser, ipAddress: ADDRESS }], keyPairRef })
  const userData = asker(ADDRESS)
  await project.createInstance('tap', { networks: [net], keyPairRef, availabilityZone: 'zone-a', userData })
  ;[fast, tap] = await Promise.all([project.waitActive('fast'), project.waitActive('tap')])
  door = await GuestDoor.open(project, 'net')
}, 240_000)
afterAll(async () => {
  await door?.close()
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const waitForLink = async (name: string, state: 'ACTIVE' | 'DOWN' = 'ACTIVE'): Promise<Port> => {
  const ref = project.at((await project.waitForPortOf(name)).metadata.name)
  const is = (port: Port | undefined) =>
    port?.status?.state === state && findCondition(port.status.conditions, 'Ready')?.status === 'True'
  return (await waitForObject<Port>(project.test.client, PORT, ref, is, { what: state, timeoutMs: 90_000 })) as Port
}

/** A row of the node's switch that is made anew would have another identity. */
async function rowOf(name: string): Promise<string> {
  const { uid } = (await project.waitForPortOf(name)).metadata
  const argv = ['ovs-vsctl', '--timeout=5', '--bare', '--columns=_uuid,ofport,link_state', 'find', 'Interface']
  return (await project.test.cloud.exec(node, [...argv, `external_ids:nephele-uid=${uid}`])).stdout
}

const qemuOf = (instance: Instance) => {
  const running = findProcesses(project.test.cloud.node(node), instance.metadata.uid)
  return running.map(({ pid }) => pid)
}

describe('create', () => {
  test('its node says that it has DPDK, and is the only one that it may be placed on', async () => {
    const { client } = project.test
    const { status } = await client.get<ComputeNode>(COMPUTE_NODE, { name: node })
    expect(status?.inventory).toMatchObject({ dpdk: true, dpdkVersion: expect.stringMatching(/^DPDK \d/) })
    expect(fast.status?.node).toBe(node)
    expect(tap.status?.node).not.toBe(node)

    const plain = (await client.get<ComputeNode>(COMPUTE_NODE, { name: tap.status?.node ?? '' })).status
    expect(plain?.inventory?.dpdk).toBe(false)
    const elsewhere = { networks: [vhostUser], runState: 'Stopped', availabilityZone: plain?.zone }
    await project.createInstance('misplaced', elsewhere)
    const message = await waitForCondition(client, INSTANCE, project.at('misplaced'), {
      type: 'Scheduled',
      status: 'False',
      reason: 'NoValidHost',
    })
    expect(message).toContain(`DpdkFilter 1 (${tap.status?.node} has no DPDK switch for vhost-user ports)`)
    await project.remove(INSTANCE, 'misplaced')
  }, 60_000)

  test('it has address, MTU and metadata, and its Port is ACTIVE with its driver', async () => {
    const port = await waitForLink('fast')
    expect(port).toMatchObject({ spec: { vnicType: 'vhostuser' }, status: { state: 'ACTIVE', node } })
    const marks = await project.waitForMark('fast', 'login', { timeoutMs: 90_000 })
    expect(marks.find((m) => m.what === 'net')?.rest).toBe(`${ADDRESS}/24 mtu ${MTU}`)
    const [source, json = ''] = (marks.find((m) => m.what === 'meta')?.rest ?? '').split(/ (.*)/)
    expect(source).toBe('http')
    expect(JSON.parse(json)).toMatchObject({ uuid: fast.metadata.uid, hostname: 'fast' })
  }, 120_000)

  test('ping, full frames and HTTP through the tunnel, both ways', async () => {
    const large = "head -c 2000000 /dev/zero | tr '\\0' x"
    await door.ssh(fast, `${large} > /tmp/www/large`)
    for (const [from, to] of [
      [fast, tap],
      [tap, fast],
    ] as const) {
      const address = addressOf(to)
      const packets = "grep -c 'bytes from'"
      const script = [
        // The first packet to a new neighbour may be lost while it is asked for its MAC.
        `ping -c 1 -W 2 ${address} > /dev/null`,
        `ping -c 3 -W 2 ${address} | ${packets}`,
        `ping -c 1 -W 2 -s ${MTU - 28} ${address} | ${packets}`,
        `wget -q -T 5 -O - http://${address}/`,
      ].join('; ')
      expect(await door.ssh(from, script)).toBe(`3\n1\n${to.metadata.name}`)
    }
    // More than a queue holds, in full segments.
    const got = await door.ssh(tap, `wget -q -T 20 -O - http://${ADDRESS}/large | sha256sum; ${large} | sha256sum`)
    expect(new Set(got.split('\n')).size).toBe(1)
  }, 120_000)
})

describe('a guest whose driver is not there', () => {
  test('never: the machine runs, and its Port says what is missing', async () => {
    const { client, images } = project.test
    // A boot sector that stops the CPU, before the firmware could try the network.
    const disk = Buffer.alloc(1024 * 1024)
    disk.set([0xfa, 0xf4, 0xeb, 0xfd])
    disk.set([0x55, 0xaa], 510)
    const file = `${project.namespace}.raw`
    await writeFile(join(images.dir, file), disk)
    try {
      const source = { url: `${images.url}/${file}`, sha256: createHash('sha256').update(disk).digest('hex') }
      await project.create(IMAGE, draft.image(project.at('halted'), source, { format: 'raw' }))
      await project.createInstance('halted', { imageRef: { name: 'halted' }, networks: [vhostUser] })
      await project.waitActive('halted')
    } finally {
      await rm(join(images.dir, file), { force: true })
    }
    const { metadata } = await project.waitForPortOf('halted')
    const want = { type: 'Ready', status: 'False', reason: 'LinkDown' }
    expect(await waitForCondition(client, PORT, project.at(metadata.name), want)).toContain('no virtio driver')
    await project.rememberPorts()
    await project.remove(INSTANCE, 'halted')
  }, 120_000)

  test('while it boots again: the Port goes down and comes up, the machine stays ACTIVE in the same QEMU', async () => {
    const { client } = project.test
    const [qemu, boot] = [qemuOf(fast), (await project.marks('fast'))[0]?.rest ?? '']
    expect(qemu.length).toBe(1)
    const { name } = (await project.waitForPortOf('fast')).metadata
    const down = waitForObject<Port>(client, PORT, project.at(name), (p) => p?.status?.state === 'DOWN', {
      what: 'down',
    })
    await project.test.cloud.exec(node, ['virsh', 'reset', fast.metadata.uid])
    expect(findCondition((await down)?.status?.conditions, 'Ready')).toMatchObject({ reason: 'LinkDown' })
    await waitForLink('fast')
    await project.waitForMark('fast', 'login', { notBoot: boot, timeoutMs: 90_000 })
    await waitForRounds(project, tap, 'ask', 2)
    expect(qemuOf(fast)).toEqual(qemu)
    expect((await project.get('fast')).status?.state).toBe('ACTIVE')
  }, 120_000)

  test('after a stop and a start it is plugged and answers again', async () => {
    const power = async (runState: string, state: string) => {
      await project.patch(INSTANCE, 'fast', { spec: { runState } })
      const is = (i: Instance | undefined) =>
        i?.status?.state === state && i.status.observedGeneration === i.metadata.generation
      await waitForObject<Instance>(project.test.client, INSTANCE, project.at('fast'), is, {
        what: state,
        timeoutMs: 90_000,
      })
    }
    const boot = (await project.marks('fast'))[0]?.rest ?? ''
    await power('Stopped', 'SHUTOFF')
    await waitForLink('fast', 'DOWN')
    await power('Running', 'ACTIVE')
    await project.waitForMark('fast', 'login', { notBoot: boot, timeoutMs: 90_000 })
    await waitForLink('fast')
    await waitForRounds(project, tap, 'ask', 2)
  }, 240_000)
})

describe('killed while the other guest asks it', () => {
  test('QEMU: the machine starts again on the same port', async () => {
    const [killed] = qemuOf(fast)
    expect(killed).toBeDefined()
    const boot = (await project.marks('fast'))[0]?.rest ?? ''
    await waitForLink('fast')
    const row = await rowOf('fast')
    process.kill(killed ?? 0, 'SIGKILL')
    await project.waitForMark('fast', 'login', { notBoot: boot, timeoutMs: 90_000 })
    await waitForLink('fast')
    expect(await rowOf('fast')).toBe(row)
    await waitForRounds(project, tap, 'ask', 2)
  }, 120_000)

  test('the agent: it takes over the port as it is', async () => {
    const { cloud } = project.test
    const [row, qemu] = [await rowOf('fast'), qemuOf(fast)]
    expect(row).toContain('up')
    const { resourceVersion } = (await waitForLink('fast')).metadata
    await cloud.restartDaemon(node, 'agent')
    // What is asked of it now it does after it has looked at all that it had.
    await project.createInstance('next', { imageRef: { name: 'halted' }, networks: [vhostUser] })
    await project.waitActive('next')
    await waitForRounds(project, tap, 'ask', 2)
    expect(await rowOf('fast')).toBe(row)
    expect(qemuOf(fast)).toEqual(qemu)
    expect((await project.waitForPortOf('fast')).metadata.resourceVersion).toBe(resourceVersion)
  }, 180_000)

  test('ovs-vswitchd: QEMU waits for it, and packets pass again', async () => {
    const before = await waitForRounds(project, tap, 'ask', 2)
    const [qemu, own] = [qemuOf(fast), await project.marks('fast')]
    const old = project.test.cloud.findDaemon(node, 'ovs-vswitchd')?.pid
    expect((await project.test.cloud.restartDaemon(node, 'ovs-vswitchd')).pid).not.toBe(old)
    const after = await waitForRounds(project, tap, 'ask', 3)
    expect(after.bootId).toBe(before.bootId)
    expect(after.lines.at(-1)).toBe(own[0]?.rest)
    expect(qemuOf(fast)).toEqual(qemu)
    await waitForLink('fast')
  }, 120_000)
})

test('delete: no domain, socket, switch port, file or row is left, and the other guest goes on', async () => {
  await project.rememberPorts()
  const gone = [fast.metadata.uid, (await project.waitForPortOf('fast')).metadata.uid]
  await project.remove(INSTANCE, 'fast')
  const left = (await project.findLeftovers()).filter((line) => gone.some((uid) => line.includes(uid.slice(0, 11))))
  expect(left).toEqual([])
  expect(await door.pings(addressOf(tap))).toBe(true)
}, 90_000)
