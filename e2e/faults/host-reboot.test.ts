// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { COMPUTE_NODE, INSTANCE } from '../../lib/api/kinds.ts'
import type { ComputeNode, Instance } from '../../lib/api/types.ts'
import { asker, waitForRounds } from '../harness/load.ts'
import { Project } from '../harness/project.ts'
import { waitForObject, waitForReady } from '../harness/wait.ts'

const ADDRESS = '10.70.0.20'

let project: Project
beforeAll(async () => {
  project = await Project.create('reboot')
  await project.createNetwork('net', '10.70.0.0/24')
  await project.createVolume('data')
}, 120_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

test('after a host reboot machines come back as their policy says, with disks and addresses', async () => {
  const { client, cloud } = project.test
  const common = { availabilityZone: 'zone-b', networks: [{ networkRef: { name: 'net' } }] }
  await project.createInstance('back', {
    ...common,
    networks: [{ networkRef: { name: 'net' }, ipAddress: ADDRESS }],
    volumes: [{ volumeRef: { name: 'data' } }],
  })
  await project.createInstance('peer', { ...common, availabilityZone: 'zone-a', userData: asker(ADDRESS) })
  // May be rebuilt elsewhere: it starts only when the operator grants it the new boot (invariant 5).
  await project.createInstance('granted', { ...common, evacuation: 'WhenFenced' })
  await project.createInstance('stays', { ...common, restartPolicy: 'Never' })
  const before = await project.waitActive('back')
  const [peer] = await Promise.all(['peer', 'granted', 'stays'].map((name) => project.waitActive(name)))
  if (!peer) throw new Error('no peer')
  const [firstBoot, firstGranted] = await Promise.all([
    project.waitForMark('back', 'login'),
    project.waitForMark('granted', 'boot'),
  ])
  await waitForRounds(project, peer, 'ask', 1)
  const node = before.status?.node ?? ''
  const bootId = await bootIdOf(node)

  const pid = cloud.node(node).pid
  await cloud.rebootNode(node)
  expect(cloud.node(node).pid).not.toBe(pid)
  const booted = (n: ComputeNode | undefined) => {
    const now = n?.status?.inventory?.bootID
    return now !== undefined && now !== bootId
  }
  await waitForObject(client, COMPUTE_NODE, { name: node }, booted, { what: 'another boot id' })
  await waitForReady(client, COMPUTE_NODE, { name: node })
  await waitForObject<Instance>(client, INSTANCE, project.at('stays'), (i) => i?.status?.state === 'SHUTOFF', {
    what: 'SHUTOFF',
  })
  const [marks] = await Promise.all([
    project.waitForMark('back', 'login', { notBoot: firstBoot[0]?.rest ?? '', timeoutMs: 120_000 }),
    project.waitForMark('granted', 'login', { notBoot: firstGranted[0]?.rest ?? '', timeoutMs: 120_000 }),
  ])
  expect(marks.find((m) => m.what === 'disk')?.rest).toBe('/dev/vdb found [disk-back]')
  // Through the tunnel between the nodes, which came up anew as well.
  expect((await waitForRounds(project, peer, 'ask', 1, 120_000)).lines.at(-1)).toBe(marks[0]?.rest)
  const restarted = (i: Instance | undefined) => i?.status?.startedAt !== before.status?.startedAt
  await waitForObject<Instance>(client, INSTANCE, project.at('back'), restarted, { what: 'another start' })
  const after = await project.waitActive('back')
  expect(after.status?.addresses).toEqual(before.status?.addresses)
  expect(after.status?.epoch).toBe(before.status?.epoch)
  expect(after.status?.node).toBe(node)
  const domains = await cloud.exec(node, ['virsh', 'list', '--uuid'])
  expect(domains.stdout).not.toContain((await project.get('stays')).metadata.uid)
}, 240_000)

async function bootIdOf(node: string): Promise<string | undefined> {
  const computeNode = await project.test.client.get<ComputeNode>(COMPUTE_NODE, { name: node })
  return computeNode.status?.inventory?.bootID
}
