// SPDX-License-Identifier: Apache-2.0
// A second Router on a Subnet, by a Port, leads to a Subnet of another project whose Network is shared: by real packets between hosts that
// are plugged into both.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { NETWORK, PORT, ROUTER } from '../../lib/api/kinds.ts'
import type { Port, Router } from '../../lib/api/types.ts'
import { ExecError } from '../../lib/exec.ts'
import { openDoor, type Door } from '../../local/commands/ssh.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const SECOND_LEG = '10.81.0.9'
let project: Project
let other: Project
let near: Door
let far: Door

beforeAll(async () => {
  project = await Project.create('router-port', { withImage: false, net: '10.81.0.0/24' })
  other = await Project.create('router-far', { withImage: false, net: '10.82.0.0/24' })
  const sharedWith = [{ namespace: project.namespace }]
  await other.patch(NETWORK, 'net', { spec: { sharedWith } })
  const open = { portSecurityEnabled: false }
  near = await openDoor(project.test.cloud, project.namespace, { name: 'net' }, open)
  far = await openDoor(other.test.cloud, other.namespace, { name: 'net' }, open)
  await run(near, 'ip', 'route', 'add', '10.82.0.0/24', 'via', SECOND_LEG)
  await run(far, 'ip', 'route', 'add', 'default', 'via', '10.82.0.1')
  await project.create(ROUTER, draft.router(project.at('first'), { interfaces: [{ subnetRef: { name: 'net' } }] }))
}, 90_000)
afterAll(async () => {
  await near.close()
  await far.close()
  await project.destroy()
  await other.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const run = ({ node, netns }: Door, ...argv: string[]) =>
  project.test.cloud.exec(node, ['ip', 'netns', 'exec', netns, ...argv], { timeoutMs: 15_000 })
const reaches = async () => {
  try {
    await run(near, 'ping', '-c', '1', '-W', '1', far.address)
    return true
  } catch (error) {
    if (error instanceof ExecError) return false
    throw error
  }
}

test('a Port is a leg beside another Router, leads to a Subnet of another project, and is nobody else’s meanwhile', async () => {
  const { client } = project.test
  const fixedIPs = [{ subnetRef: { name: 'net' }, ipAddress: SECOND_LEG }]
  await project.create(PORT, draft.port(project.at('leg'), 'net', { fixedIPs }))
  const interfaces = [{ portRef: { name: 'leg' } }, { subnetRef: { name: 'net', namespace: other.namespace } }]
  await project.create(ROUTER, draft.router(project.at('second'), { interfaces }))
  const { status } = await waitForReady<Router>(client, ROUTER, project.at('second'))
  expect(status).toMatchObject({
    interfaces: [{ subnet: 'net', namespace: other.namespace, ipAddress: '10.82.0.1' }],
    ports: [{ name: 'leg', fixedIPs: [{ ipAddress: SECOND_LEG }] }],
  })
  await waitUntilTrue('answers by way of the second Router', async () => (await reaches()) || undefined)
  await waitForReady(client, ROUTER, project.at('first'))

  await client.remove(PORT, project.at('leg'))
  const inUse = { type: 'Reconciling', reason: 'InUse' }
  expect(await waitForCondition(client, PORT, project.at('leg'), inUse)).toMatch(/Router .*\/second/)
  const { status: ofPort } = await client.get<Port>(PORT, project.at('leg'))
  expect(ofPort?.router?.name).toBe('second')
  expect(await reaches()).toBe(true)
}, 90_000)

test('what it has joined it keeps when the Network is no longer shared, and a Port that is taken out goes', async () => {
  const { client } = project.test
  await other.patch(NETWORK, 'net', { spec: { sharedWith: [] } })
  const third = { interfaces: [{ subnetRef: { name: 'net', namespace: other.namespace } }] }
  await project.create(ROUTER, draft.router(project.at('third'), third))
  const refused = { type: 'Ready', status: 'False', reason: 'SubnetNotFound' }
  expect(await waitForCondition(client, ROUTER, project.at('third'), refused)).toContain('not shared')
  expect(await reaches()).toBe(true)
  await project.patch(ROUTER, 'second', { spec: { interfaces: [] } })
  await waitForGone(client, PORT, project.at('leg'))
  await waitUntilTrue('no answer without the leg', async () => !(await reaches()) || undefined)
}, 90_000)
