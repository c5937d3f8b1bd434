// SPDX-License-Identifier: Apache-2.0
// What a group tells of packets: a connection that it lets pass, one that it does not, and a flood.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { EVENT, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { Instance, KubeEvent } from '../../lib/api/types.ts'
import { addressOf, type GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitUntilTrue } from '../harness/wait.ts'

let project: Project
let box: Instance
let door: GuestDoor
beforeAll(async () => {
  project = await Project.create('group-log', { net: '10.52.0.0/24' })
  const spec = {
    rules: [{ direction: 'ingress', protocol: 'tcp', portRangeMin: 80, portRangeMax: 80 }],
    logging: { event: 'ALL', packetsPerSecond: 5 },
  }
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('web'), spec))
  ;({ box, door } = await project.bootGuests({ box: { securityGroupRefs: [{ name: 'web' }] } }))
  await project.waitForMark('box', 'login')
}, 120_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const notes = async () => {
  const items = await project.test.client.list<KubeEvent>(EVENT, { namespace: project.namespace })
  return items.filter(({ regarding }) => regarding.name === 'web').map(({ reason, note }) => `${reason}: ${note}`)
}

test('a connection that a rule lets pass and a ping that none does are told, with rule and Port, and a flood within the rate', async () => {
  const address = addressOf(box)
  const { metadata } = await project.waitForPortOf('box')
  const from = performance.now()
  const flood = door.within(['sh', '-c', `ping -q -i 0.01 -c 500 -W 1 ${address} > /dev/null || true`], 60_000)
  expect(await door.fetch(address)).toBe('box')
  await flood
  const told = async () => {
    const all = (await notes()).join('\n')
    const passed = `tcp ${door.address}:\\d+ to ${address}:80, to Port ${metadata.name} \\(spec\\.rules\\[0\\]\\)`
    const dropped = `icmp type 8 ${door.address} to ${address}, to Port ${metadata.name} \\(no rule\\)`
    return new RegExp(passed).test(all) && new RegExp(dropped).test(all) ? all : undefined
  }
  // The first word comes at once, the next a minute later.
  const all = await waitUntilTrue('both are told', told, 100_000)
  const dropped = [...all.matchAll(/dropped (\d+) packets?/g)].reduce((sum, [, count]) => sum + Number(count), 0)
  expect(dropped).toBeGreaterThan(0)
  expect(dropped).toBeLessThan(((performance.now() - from) / 1000) * 5 + 10)
  expect((await notes()).length).toBeLessThanOrEqual(3)
}, 150_000)
