// SPDX-License-Identifier: Apache-2.0
// A Port is one thing at a time, and a tag one Port's.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, PORT, TRUNK } from '../../lib/api/kinds.ts'
import type { Trunk } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('trunk-refused', { net: '10.87.0.0/24' })
  await project.createNetwork('small', '10.88.0.0/24', { network: { mtu: 1400 } })
  for (const name of ['eth', 'other', 'blue', 'red']) await project.create(PORT, draft.port(project.at(name), 'net'))
  await project.create(PORT, draft.port(project.at('narrow'), 'small'))
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const spec = (parent: string, ...subports: [string, number][]) => ({
  portRef: { name: parent },
  subports: subports.map(([name, segmentationID]) => ({ portRef: { name }, segmentationID })),
})
const make = (name: string, ...args: Parameters<typeof spec>) =>
  project.create(TRUNK, draft.trunk(project.at(name), spec(...args)))
const says = (name: string, reason: string) =>
  waitForCondition(project.test.client, TRUNK, project.at(name), { type: 'Reconciling', status: 'True', reason })

test.each<[string, Parameters<typeof spec>, string]>([
  ['a Port under two tags', ['eth', ['blue', 1], ['blue', 2]], 'write each Port once'],
  ['a tag of two Ports', ['eth', ['blue', 1], ['red', 1]], 'write another tag'],
  ['a Port on itself', ['eth', ['eth', 1]], 'cannot be a subport of itself'],
  ['the tag of untagged frames', ['eth', ['blue', 0]], 'segmentationID'],
  ['a tag that is none', ['eth', ['blue', 4095]], 'segmentationID'],
])('the schema refuses %s', async (_, args, message) => {
  await expect(make('bad', ...args)).rejects.toThrow(message)
})

test('what others have is refused by name, and the rest is given', async () => {
  const { client } = project.test
  await make('first', 'eth', ['blue', 100])
  await waitForReady(client, TRUNK, project.at('first'))
  await make('second', 'other', ['blue', 1], ['eth', 2], ['missing', 3], ['red', 4])
  const message = await says('second', 'PortInUse')
  expect(message).toContain('Port blue in spec.subports[0].portRef is a subport of Trunk first')
  expect(message).toContain('Port eth in spec.subports[1].portRef is the parent of Trunk first')
  expect(message).toContain('missing in spec.subports[2].portRef does not exist')
  const { status } = await client.get<Trunk>(TRUNK, project.at('second'))
  expect(status).toMatchObject({ state: 'DEGRADED', subports: [{ port: 'red', segmentationID: 4 }] })
  await make('third', 'eth')
  expect(await says('third', 'PortInUse')).toContain('Port eth in spec.portRef is the parent of Trunk first')
  await make('fourth', 'blue')
  expect(await says('fourth', 'PortInUse')).toContain('Port blue in spec.portRef is a subport of Trunk first')
  await project.createInstance('vm', { networks: [{ portRef: { name: 'blue' } }] })
  await waitForCondition(client, INSTANCE, project.at('vm'), {
    type: 'Reconciling',
    status: 'True',
    reason: 'PortInUse',
  })
  // Each goes on when the one before is gone.
  for (const name of ['second', 'third', 'first']) await project.remove(TRUNK, name)
  await project.waitActive('vm')
  // An interface of a machine can be a parent.
  expect((await waitForReady<Trunk>(client, TRUNK, project.at('fourth'))).status?.state).toBe('ACTIVE')
}, 120_000)

test('a subport whose frames are larger than its parent takes', async () => {
  await make('wide', 'narrow', ['red', 5])
  expect(await says('wide', 'MTUTooLarge')).toContain('an MTU of 1442, more than the 1400')
}, 60_000)
