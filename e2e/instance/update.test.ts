// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import { Project } from '../harness/project.ts'
import { waitForObject } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('update')
  await project.createNetwork('net', '10.22.0.0/24')
  await project.createVolume('data')
  await project.createInstance('box', {
    networks: [{ networkRef: { name: 'net' } }],
    volumes: [{ volumeRef: { name: 'data' } }],
  })
  await project.waitActive('box')
}, 180_000)
afterAll(() => project.destroy(), 120_000)

const waitForState = (state: string) =>
  waitForObject<Instance>(project.test.client, INSTANCE, project.at('box'), (i) => i?.status?.state === state, {
    what: state,
  })

test.each([
  ['Paused', 'PAUSED'],
  ['Running', 'ACTIVE'],
  ['Suspended', 'SUSPENDED'],
  ['Running', 'ACTIVE'],
])(
  'runState %s gives %s',
  async (runState, state) => {
    await project.waitForMark('box', 'login')
    await project.patch(INSTANCE, 'box', { spec: { runState } })
    await waitForState(state)
  },
  90_000,
)

test('a volume keeps its data, and the machine its address, over a stop and start', async () => {
  const first = await project.waitForMark('box', 'disk')
  expect(first.find((m) => m.what === 'disk')?.rest).toBe('/dev/vdb found []')
  const address = (await project.get('box')).status?.addresses?.[0]?.ipAddress
  await project.patch(INSTANCE, 'box', { spec: { runState: 'Stopped' } })
  await waitForState('SHUTOFF')
  await project.patch(INSTANCE, 'box', { spec: { runState: 'Running' } })
  await waitForState('ACTIVE')
  const second = await project.waitForMark('box', 'login', { notBoot: first[0]?.rest ?? '' })
  expect(second.find((m) => m.what === 'disk')?.rest).toBe('/dev/vdb found [disk-box]')
  expect(second.find((m) => m.what === 'net')?.rest).toContain(address)
}, 120_000)
