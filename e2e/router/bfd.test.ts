// SPDX-License-Identifier: Apache-2.0
// Two routers outside lead to one range. One that dies is out of the Router's routes as soon as BFD misses it, by real packets, and is back
// when it answers again.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ROUTER } from '../../lib/api/kinds.ts'
import type { Router } from '../../lib/api/types.ts'
import { openDoor, type Door } from '../../local/commands/ssh.ts'
import * as draft from '../harness/objects.ts'
import { startNextHop, type NextHop } from '../harness/next-hop.ts'
import { Project } from '../harness/project.ts'
import { PUBLIC } from '../harness/public.ts'
import { waitForCondition, waitForObject, waitForReady } from '../harness/wait.ts'

const RANGE = '198.51.100.0/24'
/** What goes to one address goes one way: enough of them for both ways to be taken. */
const TARGETS = Array.from({ length: 24 }, (_, i) => `198.51.100.${i + 1}`)

let project: Project
let door: Door
let steady: NextHop
let mortal: NextHop
const lead = (last: number) => startNextHop(project.test, last, RANGE)
beforeAll(async () => {
  project = await Project.create('router-bfd', { withImage: false, net: '10.83.0.0/24' })
  steady = await lead(3)
  mortal = await lead(4)
  const routes = [steady, mortal].map(({ address }) => ({ destination: RANGE, nextHop: address, bfd: true }))
  const spec = { interfaces: [{ subnetRef: { name: 'net' } }], externalGateway: PUBLIC, routes }
  await project.create(ROUTER, draft.router(project.at('r'), spec))
  await waitForReady(project.test.client, ROUTER, project.at('r'))
  door = await openDoor(project.test.cloud, project.namespace, { name: 'net' }, { portSecurityEnabled: false })
  const argv = ['ip', 'netns', 'exec', door.netns, 'ip', 'route', 'add', 'default', 'via', '10.83.0.1']
  await project.test.cloud.exec(door.node, argv)
}, 120_000)
afterAll(async () => {
  await door?.close()
  await steady?.[Symbol.asyncDispose]()
  await mortal?.[Symbol.asyncDispose]()
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const said = (status: string, reason: string) =>
  waitForCondition(project.test.client, ROUTER, project.at('r'), { type: 'NextHopsUp', status, reason }, 30_000)
/** The targets that answer one ping. */
async function reached(): Promise<string[]> {
  const script = 'for to; do ping -c 1 -W 1 "$to" >/dev/null 2>&1 && echo "$to" & done; wait'
  const argv = ['ip', 'netns', 'exec', door.netns, 'sh', '-c', script, 'sh', ...TARGETS]
  const { stdout } = await project.test.cloud.exec(door.node, argv, { timeoutMs: 30_000 })
  return TARGETS.filter((to) => stdout.split('\n').includes(to))
}

test('next hops that answer share the traffic; one that dies is out within two seconds, and back when it answers', async () => {
  await said('True', 'NextHopsAnswer')
  const { status } = await waitForReady<Router>(project.test.client, ROUTER, project.at('r'))
  expect(status?.nextHops).toMatchObject([steady, mortal].map(({ address }) => ({ ipAddress: address, state: 'UP' })))
  await reached()
  expect(await reached()).toEqual(TARGETS)
  for (const hop of [steady, mortal]) expect(await hop.echoes()).toBeGreaterThan(0)

  const { address } = mortal
  await mortal[Symbol.asyncDispose]()
  const diedAt = performance.now()
  expect(await said('False', 'NextHopDown')).toContain(`no BFD with next hop ${address}, whose routes are out`)
  const outMs = performance.now() - diedAt
  console.log(`a dead next hop is out after ${outMs.toFixed(0)} ms`)
  expect(await reached()).toEqual(TARGETS)
  expect(outMs).toBeLessThan(5_000)
  const down = await waitForReady<Router>(project.test.client, ROUTER, project.at('r'))
  expect(down.status?.nextHops).toMatchObject([{ state: 'UP' }, { ipAddress: address, state: 'DOWN' }])

  mortal = await lead(4)
  await waitForObject<Router>(
    project.test.client,
    ROUTER,
    project.at('r'),
    (router) => router?.status?.nextHops?.every(({ state }) => state === 'UP') ?? false,
    { what: 'both next hops up', timeoutMs: 30_000 },
  )
  await reached()
  expect(await reached()).toEqual(TARGETS)
  expect(await mortal.echoes()).toBeGreaterThan(0)
}, 120_000)
