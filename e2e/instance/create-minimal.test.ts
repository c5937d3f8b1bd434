// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, PORT } from '../../lib/api/kinds.ts'
import { Project } from '../harness/project.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('minimal')
}, 120_000)
afterAll(() => project.destroy(), 120_000)

test('an Image, a Network with one Subnet and an Instance that names them give a running machine', async () => {
  await project.createNetwork('net', '10.20.0.0/24')
  // It boots meanwhile.
  await project.createInstance('lonely')
  await project.createInstance('one', { networks: [{ networkRef: { name: 'net' } }] })
  const one = await project.waitActive('one')
  expect(one.status).toMatchObject({ state: 'ACTIVE', addresses: [{ network: 'net' }] })
  const address = one.status?.addresses?.[0]?.ipAddress ?? ''
  expect(address).toMatch(/^10\.20\.0\.\d+$/)

  const marks = await project.waitForMark('one', 'login')
  expect(marks.find((m) => m.what === 'net')?.rest).toBe(`${address}/24 mtu 1442`)
  expect(marks.find((m) => m.what === 'meta')?.rest).toContain('"hostname":"one"')
}, 120_000)

test('a machine without a network boots too', async () => {
  const lonely = await project.waitActive('lonely')
  expect(lonely.status?.addresses ?? []).toEqual([])
  await project.waitForMark('lonely', 'boot')
}, 120_000)

test('deleting leaves nothing on any node, and no port or address behind', async () => {
  await project.rememberPorts()
  await project.remove(INSTANCE, 'one')
  await project.remove(INSTANCE, 'lonely')
  expect(await project.test.client.list(PORT, { namespace: project.namespace })).toEqual([])
  // The image and the network are still wanted.
  const gone = project.uids.filter((_, i) => i >= 3)
  const left = (await project.findLeftovers()).filter((line) => gone.some((uid) => line.includes(uid)))
  expect(left).toEqual([])
}, 120_000)
