// SPDX-License-Identifier: Apache-2.0
// A host that is no machine of the cloud, on a VLAN of the physical network: it gets its address from the cloud's DHCP, and guests behind a
// Router reach it, by what gateway nodes do for it.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, NETWORK, PORT, PROVIDER_NETWORK, ROUTER, SUBNET } from '../../lib/api/kinds.ts'
import type { Instance, Port } from '../../lib/api/types.ts'
import { PHYSICAL_NETWORK } from '../../local/cloud/external-network.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { startVlanHost, type VlanHost } from '../harness/outside.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const VLAN = 3021
const CIDR = '10.91.0.0/24'
let project: Project
let outside: VlanHost
let vm: Instance
let door: GuestDoor
const external = { vnicType: 'external' }
beforeAll(async () => {
  project = await Project.create('external', { net: '10.92.0.0/24' })
  const vlanRanges = [{ minimum: VLAN, maximum: VLAN }]
  const spec = draft.providerNetwork({ physicalNetwork: PHYSICAL_NETWORK, vlanRanges })
  const { metadata } = await project.createClusterWide(PROVIDER_NETWORK, 'dc', spec)
  const provider = { providerNetworkRef: { name: metadata.name } }
  await project.create(NETWORK, draft.network(project.at('dc'), { provider }))
  await project.create(SUBNET, draft.subnet(project.at('dc'), 'dc', CIDR))
  await waitForReady(project.test.client, SUBNET, project.at('dc'))
  await project.create(PORT, draft.port(project.at('bare'), 'dc', external))
  const interfaces = ['net', 'dc'].map((name) => ({ subnetRef: { name } }))
  await project.create(ROUTER, draft.router(project.at('r'), { interfaces }))
  outside = await startVlanHost(project.test, VLAN, '192.0.2.9/32')
  ;({ vm, door } = await project.bootGuests({ vm: {} }))
  // A guest that is still on its way to the login would take up the time that the ways to the host have.
  await project.waitForMark('vm', 'login', { timeoutMs: 120_000 })
}, 180_000)
afterAll(async () => {
  await outside?.[Symbol.asyncDispose]()
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

test('its Port is served by gateway nodes; by DHCP it gets the address, and by the Router it and guests reach each other', async () => {
  const { client, networkNode } = project.test
  const { status } = await waitForReady<Port>(client, PORT, project.at('bare'))
  expect(status).toMatchObject({ state: 'ACTIVE', gateways: [networkNode] })
  expect(status).not.toHaveProperty('node')
  const device = `vlan${VLAN}`
  const address = status?.fixedIPs?.[0]?.ipAddress ?? ''
  const lease = [
    `ip address flush dev ${device}`,
    `ip link set ${device} address ${status?.macAddress}`,
    "printf '#!/bin/sh\\necho $1 $ip/$mask $router $mtu\\n' > /run/lease.sh",
    'chmod 755 /run/lease.sh',
    `busybox udhcpc -i ${device} -O mtu -t 20 -T 1 -n -q -s /run/lease.sh 2>/dev/null`,
  ]
  const { stdout } = await outside.host.within(['sh', '-c', lease.join(' && ')], 60_000)
  expect(stdout).toContain(`bound ${address}/24 10.91.0.1 1500`)
  await outside.host.within(['ip', 'address', 'add', `${address}/24`, 'dev', device])
  await outside.host.within(['ip', 'route', 'add', 'default', 'via', '10.91.0.1'])
  await waitUntilTrue(
    'the guest reaches the host',
    async () => (await door.ssh(vm, `ping -c 1 -W 1 ${address} >/dev/null 2>&1 && echo yes || echo no`)) === 'yes',
  )
}, 180_000)

test('what cannot be is said: on a network that is no physical one, and as an interface of a machine', async () => {
  const { client } = project.test
  await project.create(PORT, draft.port(project.at('inner'), 'net', external))
  const stalled = { type: 'Stalled', status: 'True', reason: 'NoPhysicalNetwork' }
  expect(await waitForCondition(client, PORT, project.at('inner'), stalled)).toContain('no physical one')
  await project.createInstance('none', { networks: [{ portRef: { name: 'bare' } }] })
  const waits = { type: 'Reconciling', status: 'True', reason: 'PortExternal' }
  await waitForCondition(client, INSTANCE, project.at('none'), waits)
  for (const name of ['inner', 'bare']) await project.remove(PORT, name)
}, 60_000)
