// SPDX-License-Identifier: Apache-2.0
// What the administrator sets for the whole cloud, as networks, ports and nodes take it up.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { CLOUD, COMPUTE_NODE, NETWORK, PORT, SUBNET } from '../../lib/api/kinds.ts'
import type { ComputeNode, Network, Port, Subnet } from '../../lib/api/types.ts'
import { isConditionTrue } from '../../lib/conditions.ts'
import { hurryHeartbeats } from '../harness/heartbeat.ts'
import { optionsOf, rowOf } from '../harness/northbound.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const only = { name: 'default' }
const NODE = 'compute-2'

let project: Project
let relax: (() => Promise<void>) | undefined
beforeAll(async () => {
  project = await Project.create('cloud-update', { withImage: false, net: '10.49.0.0/24' })
}, 60_000)
afterAll(async () => {
  await set({ underlayMTU: null, dnsNameservers: null, macPrefix: null })
  await relax?.()
  await project.test.cloud.startDaemon(NODE, 'agent')
  await waitForReady(project.test.client, COMPUTE_NODE, { name: NODE })
  await project.destroy()
}, 90_000)

const set = (spec: object) => project.test.client.mergePatch(CLOUD, only, { spec })

const waitForMtu = (mtu: number) =>
  waitForObject<Network>(project.test.client, NETWORK, project.at('net'), (n) => n?.status?.mtu === mtu, {
    what: `MTU ${mtu}`,
  })

test('MTU of the underlay and name servers reach networks and subnets that say nothing of their own', async () => {
  const { metadata } = await project.test.client.get<Subnet>(SUBNET, project.at('net'))
  const waitForOptions = (mtu: string, servers: string) =>
    waitUntilTrue(`DHCP to say MTU ${mtu}`, async () => {
      const options = optionsOf(await rowOf(project.test, 'DHCP_Options', metadata.uid))
      return (options['mtu'] === mtu && options['dns_server'] === servers) || undefined
    })
  await set({ underlayMTU: 1400, dnsNameservers: ['192.0.2.1', '192.0.2.2'] })
  await waitForMtu(1342)
  await waitForOptions('1342', '{192.0.2.1, 192.0.2.2}')
  await set({ underlayMTU: null, dnsNameservers: null })
  await waitForMtu(1442)
  await waitForOptions('1442', '{169.254.169.254}')
}, 60_000)

test('another prefix is for MACs that are made from then on', async () => {
  const { client } = project.test
  const macOf = async (name: string) => {
    await project.create(PORT, draft.port(project.at(name), 'net'))
    return (await waitForReady<Port>(client, PORT, project.at(name))).status?.macAddress
  }
  const before = await macOf('before')
  expect(before).toMatch(/^fa:16:3e:/)
  await set({ macPrefix: '02:00:5e' })
  await waitForReady(client, CLOUD, only)
  expect(await macOf('after')).toMatch(/^02:00:5e:/)
  expect((await waitForReady<Port>(client, PORT, project.at('before'))).status?.macAddress).toBe(before)
}, 60_000)

test('a shorter heartbeat silences nobody who is there, and tells sooner of one who is not', async () => {
  const { client, cloud, computeNodes, networkNode } = project.test
  relax = await hurryHeartbeats(project.test)
  await cloud.stopDaemon(NODE, 'agent')
  const stopped = performance.now()
  await waitForCondition(
    client,
    COMPUTE_NODE,
    { name: NODE },
    { type: 'Ready', status: 'False', reason: 'AgentSilent' },
  )
  // By default it takes half a minute.
  expect(performance.now() - stopped).toBeLessThan(25_000)
  for (const name of [...computeNodes, networkNode].filter((n) => n !== NODE)) {
    const { status } = await client.get<ComputeNode>(COMPUTE_NODE, { name })
    expect(isConditionTrue(status?.conditions, 'Ready')).toBe(true)
  }
  await waitForCondition(client, CLOUD, only, { type: 'BusHealthy' })
  await waitForCondition(client, CLOUD, only, { type: 'NetworkBackendHealthy' })
  await cloud.startDaemon(NODE, 'agent')
  await waitForReady(client, COMPUTE_NODE, { name: NODE })
}, 90_000)
