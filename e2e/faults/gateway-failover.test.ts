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
/** Nobody has to notice anything: the next one is told to take it. */
const DRAIN_MS = 1_000

let project: Project
let outside: OutsideHost
/** Two, of the same nodes: all that a node carries moves. */
const ROUTERS = ['main', 'other'] as const
const addresses: string[] = []
const machines: AsyncDisposable[] = []
const gateways = (wanted: readonly string[]) =>
  Promise.all(
    ROUTERS.map((name) =>
      waitForObject<Router>(
        project.test.client,
        ROUTER,
        project.at(name),
        (one) => JSON.stringify(one?.status?.gateways) === JSON.stringify(wanted),
        { what: `gateways ${wanted.join(', ')}`, timeoutMs: 30_000 },
      ),
    ),
  )

beforeAll(async () => {
  project = await Project.create('failover', { withImage: false })
  outside = outsideGateway(project.test)
  for (const [i, name] of ROUTERS.entries()) {
    await project.createNetwork(name, `10.79.${i}.0/24`)
    const spec = { interfaces: [{ subnetRef: { name } }], externalGateway: PUBLIC }
    await project.create(ROUTER, draft.router(project.at(name), spec))
    const { status } = await waitForReady<Router>(project.test.client, ROUTER, project.at(name))
    addresses.push(status?.externalGateway?.fixedIPs?.[0]?.ipAddress ?? '')
    machines.push(await plugOn(project.test, THIRD, project.at(`machine-${name}`), name))
  }
  for (const address of addresses) expect(await outside.pings(address, 10)).toBe(true)
}, 90_000)
afterAll(async () => {
  const { cloud, networkNode } = project.test
  for (const machine of machines) await machine[Symbol.asyncDispose]()
  await cloud.startDaemon(networkNode, 'ovs-vswitchd')
  await cloud.startDaemon(networkNode, 'ovn-controller')
  await cloud.kubectl(['label', 'node', SECOND, `${LABEL}-`])
  await cloud.kubectl(['uncordon', networkNode])
  await project.destroy()
}, 120_000)

/** The longest of each router, of twenty pings a second, in milliseconds. */
const gapsOf = async (seconds: number, during: () => Promise<unknown>) => {
  const within: Parameters<typeof longestGap>[0] = (argv, timeoutMs) => outside.within(argv, timeoutMs)
  const rest = addresses.slice(1).map((address) => longestGap(within, address, seconds, () => Promise.resolve()))
  return Promise.all([longestGap(within, addresses[0] ?? '', seconds, during), ...rest])
}
const inWords = (gaps: readonly number[]) => gaps.map((gap) => gap.toFixed(0)).join(' and ')

test('another node with the label stands by, and takes over from one that dies', async () => {
  const { cloud, networkNode } = project.test
  await cloud.kubectl(['label', 'node', SECOND, `${LABEL}=gateway`])
  await gateways([networkNode, SECOND])
  // The first one lets go until BFD has found the other: a node that reaches none of its peers could be cut off itself.
  const steady = async () => (await gapsOf(2, () => Promise.resolve())).every((gap) => gap < 500) || undefined
  await waitUntilTrue('both know each other', steady, 30_000)
  const gaps = await gapsOf(6, () =>
    Promise.all([
      cloud.stopDaemon(networkNode, 'ovs-vswitchd', 'SIGKILL'),
      cloud.stopDaemon(networkNode, 'ovn-controller', 'SIGKILL'),
    ]),
  )
  console.log(`longest gaps of a 20/s ping: ${inWords(gaps)} ms`)
  for (const gap of gaps) expect(gap).toBeLessThan(MOST_MS)
  await cloud.startDaemon(networkNode, 'ovs-vswitchd')
  await cloud.startDaemon(networkNode, 'ovn-controller')
  await waitForReady(project.test.client, COMPUTE_NODE, { name: networkNode })
}, 120_000)

test('a node that is cordoned gives up its routers to the others, which lose next to nothing by it', async () => {
  const { cloud, networkNode } = project.test
  const gaps = await gapsOf(8, async () => {
    await cloud.kubectl(['cordon', networkNode])
    await gateways([SECOND])
  })
  console.log(`longest gaps while it is drained: ${inWords(gaps)} ms`)
  for (const gap of gaps) expect(gap).toBeLessThan(DRAIN_MS)
  for (const address of addresses) expect(await outside.pings(address, 10)).toBe(true)
  await cloud.kubectl(['uncordon', networkNode])
  await gateways([SECOND, networkNode])
}, 90_000)
