// SPDX-License-Identifier: Apache-2.0
// The node that carries a router's traffic to the outside dies: another one takes over; and one that is cordoned gives up what it carries.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { COMPUTE_NODE, ROUTER } from '../../lib/api/kinds.ts'
import type { Router } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { plugOn } from '../harness/plugged.ts'
import { outsideGateway, type OutsideHost } from '../harness/outside.ts'
import { longestGap } from '../harness/ping-gap.ts'
import { Project } from '../harness/project.ts'
import { PUBLIC } from '../harness/public.ts'
import { waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const SECOND = 'compute-2'
/** Has a machine of the router: a node that reaches no other at all takes over nothing, since it could be cut off itself. */
const THIRD = 'compute-1'
const LABEL = 'nephele.dev/network'
/** Three packets of BFD at 200 ms, and the announcement. Where the agent makes none, OVN does after a second more. */
const MOST_MS = 2_000

let project: Project
let outside: OutsideHost
let address = ''
let machine: AsyncDisposable
const router = () => waitForReady<Router>(project.test.client, ROUTER, project.at('main'))
const gateways = (wanted: readonly string[]) =>
  waitForObject<Router>(
    project.test.client,
    ROUTER,
    project.at('main'),
    (one) => JSON.stringify(one?.status?.gateways) === JSON.stringify(wanted),
    { what: `gateways ${wanted.join(', ')}`, timeoutMs: 30_000 },
  )

beforeAll(async () => {
  project = await Project.create('failover', { withImage: false, net: '10.79.0.0/24' })
  outside = outsideGateway(project.test)
  const spec = { interfaces: [{ subnetRef: { name: 'net' } }], externalGateway: PUBLIC }
  await project.create(ROUTER, draft.router(project.at('main'), spec))
  address = (await router()).status?.externalGateway?.fixedIPs?.[0]?.ipAddress ?? ''
  machine = await plugOn(project.test, THIRD, project.at('machine'), 'net')
  expect(await outside.pings(address, 10)).toBe(true)
}, 90_000)
afterAll(async () => {
  const { cloud, networkNode } = project.test
  await machine[Symbol.asyncDispose]()
  await cloud.startDaemon(networkNode, 'ovs-vswitchd')
  await cloud.startDaemon(networkNode, 'ovn-controller')
  await cloud.kubectl(['label', 'node', SECOND, `${LABEL}-`])
  await cloud.kubectl(['uncordon', networkNode])
  await project.destroy()
}, 120_000)

const gapOf = (seconds: number, during: () => Promise<unknown>) =>
  longestGap((argv, timeoutMs) => outside.within(argv, timeoutMs), address, seconds, during)

test('another node with the label stands by, and takes over from one that dies', async () => {
  const { cloud, networkNode } = project.test
  await cloud.kubectl(['label', 'node', SECOND, `${LABEL}=gateway`])
  await gateways([networkNode, SECOND])
  // The first one lets go until BFD has found the other: a node that reaches none of its peers could be cut off itself.
  const steady = async () => (await gapOf(2, () => Promise.resolve())) < 500 || undefined
  await waitUntilTrue('both know each other', steady, 30_000)
  const gap = await gapOf(6, () =>
    Promise.all([
      cloud.stopDaemon(networkNode, 'ovs-vswitchd', 'SIGKILL'),
      cloud.stopDaemon(networkNode, 'ovn-controller', 'SIGKILL'),
    ]),
  )
  console.log(`longest gap of a 20/s ping: ${gap.toFixed(0)} ms`)
  expect(gap).toBeLessThan(MOST_MS)
  await cloud.startDaemon(networkNode, 'ovs-vswitchd')
  await cloud.startDaemon(networkNode, 'ovn-controller')
  await waitForReady(project.test.client, COMPUTE_NODE, { name: networkNode })
}, 120_000)

test('a node that is cordoned gives up its routers to the others', async () => {
  const { cloud, networkNode } = project.test
  await cloud.kubectl(['cordon', networkNode])
  await gateways([SECOND])
  expect(await outside.pings(address, 10)).toBe(true)
  await cloud.kubectl(['uncordon', networkNode])
  await gateways([SECOND, networkNode])
}, 90_000)
