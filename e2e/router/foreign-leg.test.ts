// SPDX-License-Identifier: Apache-2.0
// A Router that leads into a Network of another project by a Port: machines behind it send under their own addresses, and under no others.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { NETWORK, PORT, ROUTER } from '../../lib/api/kinds.ts'
import type { Router } from '../../lib/api/types.ts'
import { openDoor, type Door } from '../../local/commands/ssh.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady, waitUntilTrue } from '../harness/wait.ts'

const FOREIGN = '198.51.100.9'

let project: Project
let owner: Project
let sender: Door
let receiver: Door
const run = ({ node, netns }: Door, ...argv: string[]) =>
  project.test.cloud.exec(node, ['ip', 'netns', 'exec', netns, ...argv], { timeoutMs: 15_000 })

beforeAll(async () => {
  project = await Project.create('leg-guest', { withImage: false, net: '10.86.0.0/24' })
  owner = await Project.create('leg-owner', { withImage: false, net: '10.87.0.0/24' })
  await owner.patch(NETWORK, 'net', { spec: { sharedWith: [{ namespace: '*' }] } })
  const open = { portSecurityEnabled: false }
  sender = await openDoor(project.test.cloud, project.namespace, { name: 'net' }, open)
  receiver = await openDoor(owner.test.cloud, owner.namespace, { name: 'net' }, open)
  const networkRef = { name: 'net', namespace: owner.namespace }
  await project.create(PORT, draft.port(project.at('leg'), 'net', { networkRef }))
  const interfaces = [{ subnetRef: { name: 'net' } }, { portRef: { name: 'leg' } }]
  await project.create(ROUTER, draft.router(project.at('r'), { interfaces }))
  const { status } = await waitForReady<Router>(project.test.client, ROUTER, project.at('r'))
  await run(sender, 'ip', 'route', 'add', 'default', 'via', '10.86.0.1')
  await run(receiver, 'ip', 'route', 'add', 'default', 'via', status?.ports?.[0]?.fixedIPs[0]?.ipAddress ?? '')
  for (const address of [FOREIGN, neighbour()]) await run(sender, 'ip', 'address', 'add', `${address}/32`, 'dev', 'lo')
}, 90_000)
afterAll(async () => {
  await sender?.close()
  await receiver?.close()
  await project.destroy()
  await owner.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

/** An address of the owner's Network that the receiver does not have. */
const neighbour = () => (receiver.address === '10.87.0.200' ? '10.87.0.201' : '10.87.0.200')
const received = async () => {
  const [names = '', values = ''] = (await run(receiver, 'grep', '^Icmp:', '/proc/net/snmp')).stdout.split('\n')
  return Number(values.split(' ')[names.split(' ').indexOf('InEchos')])
}
const send = (from: string) =>
  run(sender, 'sh', '-c', 'ping -c 3 -i 0.2 -W 1 -I "$1" "$2"; :', 'sh', from, receiver.address)

test('what is sent under an address of its own arrives; under one of that Network, or of anybody, it does not', async () => {
  await waitUntilTrue('answers', async () => (await send(sender.address)).stdout.includes('bytes from') || undefined)
  const before = await received()
  for (const forged of [FOREIGN, neighbour()]) await send(forged)
  expect(await received()).toBe(before)
  await send(sender.address)
  expect(await received()).toBe(before + 3)
}, 60_000)
