// SPDX-License-Identifier: Apache-2.0
// A group that remembers nothing: answers pass by rules of their own, and DHCP and metadata without one.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { PORT, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import { addressOf, type GuestDoor } from '../harness/guest-door.ts'
import { askDhcp } from '../harness/lease.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const IN = { direction: 'ingress', protocol: 'tcp', portRangeMin: 22, portRangeMax: 22 }
const OUT = { direction: 'egress', protocol: 'tcp', remoteIPPrefix: '10.47.0.0/24' }

let project: Project
let box: Instance
let door: GuestDoor
beforeAll(async () => {
  project = await Project.create('stateless', { net: '10.47.0.0/24' })
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('fast'), { stateful: false, rules: [IN, OUT] }))
  await waitForReady(project.test.client, SECURITY_GROUP, project.at('fast'))
  ;({ box, door } = await project.bootGuests({ box: { securityGroupRefs: [{ name: 'fast' }] } }))
  await project.waitForMark('box', 'login')
}, 120_000)
afterAll(async () => {
  await project?.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const setRules = (...rules: object[]) => project.patch(SECURITY_GROUP, 'fast', { spec: { rules } })

test('a connection by a rule each way; metadata and DHCP without', async () => {
  expect(await door.ssh(box, 'hostname')).toBe('box')
  const metadata = await door.ssh(box, 'wget -q -T 5 -O - http://169.254.169.254/openstack/latest/meta_data.json')
  expect(JSON.parse(metadata)).toMatchObject({ name: 'box' })
  expect((await askDhcp(door, box))['ip']).toBe(addressOf(box))
}, 90_000)

test('without the rule for answers none arrives', async () => {
  await setRules({ ...IN, portRangeMin: 80, portRangeMax: 80 }, OUT)
  await waitUntilTrue('ssh to end', async () =>
    door.ssh(box, 'true', 1_000).then(
      () => undefined,
      () => true,
    ),
  )
  expect(await door.fetch(addressOf(box))).toBe('box')
  await setRules({ ...IN, portRangeMin: 80, portRangeMax: 80 }, { direction: 'egress', protocol: 'icmp' })
  await waitUntilTrue('no answer of http', async () => (await door.fetch(addressOf(box))) === undefined || undefined)
}, 120_000)

test('a Port has groups of one sort', async () => {
  const spec = { securityGroupRefs: [{ name: 'fast' }, { name: 'default' }] }
  await project.create(PORT, draft.port(project.at('mixed'), 'net', spec))
  await waitForCondition(project.test.client, PORT, project.at('mixed'), { type: 'Stalled', reason: 'MixedGroups' })
  await setRules(IN, OUT)
  expect(await door.ssh(box, 'hostname')).toBe('box')
}, 60_000)
