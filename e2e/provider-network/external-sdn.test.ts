// SPDX-License-Identifier: Apache-2.0
// A Network that OVN knows nothing of: the small controller of examples/external-sdn joins machines on two nodes, and what it says of
// their Ports is what these say.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, NETWORK, PORT, PROVIDER_NETWORK, ROUTER } from '../../lib/api/kinds.ts'
import type { Instance, Network, Port, ProviderNetwork } from '../../lib/api/types.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { rowsOf } from '../harness/northbound.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const EXAMPLE = join(import.meta.dirname, '../../examples/external-sdn')
const CONTROLLER = 'l2.example.com/vxlan'
const BRIDGE = 'br-sdn'
/** As many Ports of a Network as the controller takes. */
const MOST = 2
const onBoth = { networks: [{ networkRef: { name: 'net' } }, { networkRef: { name: 'fabric' } }] }

let project: Project
let controllers: ChildProcess
let near: Instance
let far: Instance
let door: GuestDoor

/** Resolves once there is one on each node. */
async function startControllers(): Promise<ChildProcess> {
  const { cloud, computeNodes } = project.test
  const asked = ['--name', cloud.state.name, '--most-ports', `${MOST}`]
  const child = spawn(process.execPath, [join(EXAMPLE, 'local.ts'), ...asked], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ready = new Set<string>()
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.endsWith(': ready')) ready.add(line)
    if (ready.size === computeNodes.length) break
  }
  expect(ready.size).toBe(computeNodes.length)
  child.stdout.resume()
  return child
}
async function stopControllers(): Promise<void> {
  const exit = once(controllers, 'exit')
  controllers.kill('SIGTERM')
  await exit
}

beforeAll(async () => {
  project = await Project.create('external-sdn', { net: '10.94.0.0/24' })
  const input = await readFile(join(EXAMPLE, '10-controller.yaml'), 'utf8')
  await project.test.cloud.kubectl(['apply', '-f', '-'], { input })
  controllers = await startControllers()
  const { metadata } = await project.createClusterWide<ProviderNetwork>(PROVIDER_NETWORK, 'fabric', {
    ...{ type: 'external', controller: { name: CONTROLLER }, mtu: 1450 },
    nodes: [{ nodeSelector: { matchLabels: { 'nephele.dev/compute': 'libvirt' } }, bridge: BRIDGE }],
  })
  await project.createNetwork('fabric', '10.95.0.0/24', {
    network: { provider: { providerNetworkRef: { name: metadata.name } }, portSecurityEnabled: false },
    subnet: { disableGateway: true, dhcp: { enabled: false } },
  })
  ;({ near, far, door } = await project.bootGuests({
    near: { ...onBoth, availabilityZone: 'zone-a' },
    far: { ...onBoth, availabilityZone: 'zone-b' },
  }))
}, 180_000)
afterAll(async () => {
  if (controllers) await stopControllers()
  await project.destroy()
  const { cloud, computeNodes } = project.test
  for (const node of computeNodes)
    await cloud.exec(node, ['ovs-vsctl', '--timeout=10', '--if-exists', 'del-br', BRIDGE])
  const input = await readFile(join(EXAMPLE, '10-controller.yaml'), 'utf8')
  await cloud.kubectl(['delete', '--wait=false', '-f', '-'], { input })
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const addressOn = ({ status }: Instance) => status?.addresses?.find(({ ipAddress }) => ipAddress?.startsWith('10.95.'))
const portOf = async (guest: Instance): Promise<Port> =>
  project.test.client.get<Port>(PORT, project.at(addressOn(guest)?.port ?? ''))

test('the Network says who does what, and OVN has nothing of it', async () => {
  const { client } = project.test
  const { metadata, status } = await waitForReady<Network>(client, NETWORK, project.at('fabric'))
  expect(status).toMatchObject({ driver: 'external', controller: CONTROLLER, mtu: 1450 })
  expect(status?.doneBy).toMatchObject({ forwarding: CONTROLLER, addresses: 'Nephele', routers: 'nobody' })
  expect(await rowsOf(project.test, 'Logical_Switch', metadata.uid)).toEqual([])
  for (const guest of [near, far]) {
    const port = await portOf(guest)
    expect(port.status?.state).toBe('ACTIVE')
    expect(await rowsOf(project.test, 'Logical_Switch_Port', port.metadata.uid)).toEqual([])
  }
}, 60_000)

test('machines on two nodes reach each other over it, by the address that each was given', async () => {
  expect(near.status?.node).not.toBe(far.status?.node)
  for (const guest of [near, far])
    await door.ssh(guest, `ip address add ${addressOn(guest)?.ipAddress}/24 dev eth1; ip link set eth1 mtu 1450`)
  const pings = `ping -c 1 -W 1 -s 1422 ${addressOn(far)?.ipAddress} >/dev/null 2>&1 && echo yes || echo no`
  await waitUntilTrue('the other machine', async () => (await door.ssh(near, pings)) === 'yes')
  const mac = await door.ssh(
    near,
    `ip neigh show ${addressOn(far)?.ipAddress} dev eth1 | sed 's/.*lladdr \\([^ ]*\\).*/\\1/'`,
  )
  expect(mac).toBe((await portOf(far)).status?.macAddress)
}, 120_000)

test('a word that is withdrawn is waited for again, while packets pass', async () => {
  const { client, cloud } = project.test
  const port = await portOf(far)
  await stopControllers()
  const tap = ['remove', 'Interface', `tap${port.metadata.uid.slice(0, 11)}`, 'external_ids', 'nephele-programmed-by']
  await cloud.exec(far.status?.node ?? '', ['ovs-vsctl', '--timeout=10', ...tap])
  await waitForCondition(client, PORT, project.at(port.metadata.name), {
    type: 'Ready',
    status: 'False',
    reason: 'Plugging',
  })
  expect(await door.ssh(near, `ping -c 1 -W 1 ${addressOn(far)?.ipAddress} >/dev/null && echo yes`)).toBe('yes')
  controllers = await startControllers()
  await waitForReady(client, PORT, project.at(port.metadata.name))
}, 60_000)

test('a Port that the controller refuses says why, and goes on when there is room; a Router is refused there', async () => {
  const { client } = project.test
  await project.createInstance('third', { networks: [{ networkRef: { name: 'fabric' } }] })
  const waiting = await waitUntilTrue('its address', async () => {
    const third = await client.get<Instance>(INSTANCE, project.at('third'))
    return addressOn(third) ? third : undefined
  })
  const name = (await portOf(waiting)).metadata.name
  const refused = { type: 'Ready', status: 'False', reason: 'RefusedByController' } as const
  const said = await waitForCondition(client, PORT, project.at(name), refused)
  expect(said).toContain(`SDN controller ${CONTROLLER} refuses it on node`)
  expect(said).toContain('as many Ports as this fabric takes')
  await project.create(ROUTER, draft.router(project.at('r'), { interfaces: [{ subnetRef: { name: 'fabric' } }] }))
  const unsupported = { type: 'Ready', status: 'False', reason: 'UnsupportedByDriver' } as const
  expect(await waitForCondition(client, ROUTER, project.at('r'), unsupported)).toContain(CONTROLLER)
  await project.remove(INSTANCE, 'far')
  await waitForReady(client, PORT, project.at(name))
}, 90_000)
