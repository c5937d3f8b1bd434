// SPDX-License-Identifier: Apache-2.0
// A Router joins a Subnet under a FirewallGroup that stands at all its ports: the leg comes closed, is opened with the rules, and of two
// hundred packets a second none comes through.
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FIREWALL_GROUP, ROUTER, SUBNET } from '../../lib/api/kinds.ts'
import type { FirewallGroup } from '../../lib/api/types.ts'
import { openDoor, type Door } from '../../local/commands/ssh.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForObject, waitForReady } from '../harness/wait.ts'

let project: Project
let near: Door
let far: Door
const run = ({ node, netns }: Door, ...argv: string[]) =>
  project.test.cloud.exec(node, ['ip', 'netns', 'exec', netns, ...argv], { timeoutMs: 30_000 })
const legs = (...names: string[]) => ({ interfaces: names.map((name) => ({ subnetRef: { name } })) })

beforeAll(async () => {
  project = await Project.create('wall-leg', { withImage: false, net: '10.84.0.0/24' })
  await project.createNetwork('far', '10.85.0.0/24')
  const open = { portSecurityEnabled: false }
  near = await openDoor(project.test.cloud, project.namespace, { name: 'net' }, open)
  far = await openDoor(project.test.cloud, project.namespace, { name: 'far' }, open)
  await run(near, 'ip', 'route', 'add', 'default', 'via', '10.84.0.1')
  await run(far, 'ip', 'route', 'add', 'default', 'via', '10.85.0.1')
  await project.create(ROUTER, draft.router(project.at('r'), legs('net')))
  await waitForReady(project.test.client, ROUTER, project.at('r'))
}, 90_000)
afterAll(async () => {
  await near?.close()
  await far?.close()
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

/** How many of two hundred pings a second are answered meanwhile. */
async function answered(during: () => Promise<unknown>): Promise<number> {
  const ping = run(near, 'sh', '-c', 'ping -q -i 0.005 -w 6 "$1"; :', 'sh', far.address)
  await during()
  return Number(/(\d+) received/.exec((await ping).stdout)?.[1])
}

/** What OVN's database says of the port with this end of its name from now on, in order: enabled or not. */
async function states(end: string): Promise<string[]> {
  const { cloud, networkNode } = project.test
  const monitor = 'timeout 8 ovsdb-client --format=csv monitor "$1" OVN_Northbound Logical_Router_Port name,enabled; :'
  const argv = ['sh', '-c', monitor, 'sh', 'unix:/var/run/ovn/ovnnb_db.sock']
  const { stdout } = await cloud.exec(networkNode, argv, { timeoutMs: 30_000 })
  const rows = stdout.split('\n').map((line) => line.split(','))
  return rows.flatMap(([, action = '', name, enabled = '']) =>
    name?.endsWith(end) && action !== 'old' ? [enabled] : [],
  )
}

test('none comes through before its rules stand; without the group the Router leads there', async () => {
  const { client } = project.test
  const spec = { ports: [{ routerRef: { name: 'r' } }], ingress: { policyRefs: [] } }
  await project.create(FIREWALL_GROUP, draft.firewallGroup(project.at('edge'), spec))
  await waitForReady(client, FIREWALL_GROUP, project.at('edge'))
  const join = async () => {
    // Until all are listening.
    await setTimeout(1_000)
    await project.patch(ROUTER, 'r', { spec: legs('net', 'far') })
    await waitForReady(client, ROUTER, project.at('r'))
    const stands = (group: FirewallGroup | undefined) => group?.status?.ports?.length === 2
    await waitForObject(client, FIREWALL_GROUP, project.at('edge'), stands, { what: 'both ports', timeoutMs: 20_000 })
  }
  const { metadata } = await client.get(SUBNET, project.at('far'))
  const seen = states(metadata.uid)
  expect(await answered(join)).toBe(0)
  expect(await seen).toEqual(['false', '[]'])
  expect(await answered(() => project.remove(FIREWALL_GROUP, 'edge'))).toBeGreaterThan(0)
}, 60_000)
