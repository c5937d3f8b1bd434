// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { PORT } from '../../lib/api/kinds.ts'
import type { Port } from '../../lib/api/types.ts'
import { rowsOf } from '../harness/northbound.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('port-del', { withImage: false, net: '10.44.0.0/24' })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const fixed = { fixedIPs: [{ subnetRef: { name: 'net' }, ipAddress: '10.44.0.9' }], macAddress: 'fa:16:3e:00:44:09' }

test('deleted, its logical port is gone and its address and MAC are free for the one that waits for them', async () => {
  const { client } = project.test
  const { metadata } = await project.create<Port>(PORT, draft.port(project.at('old'), 'net', fixed))
  await waitForReady(client, PORT, project.at('old'))
  expect(await rowsOf(project.test, 'Logical_Switch_Port', metadata.uid)).toHaveLength(1)
  await project.create(PORT, draft.port(project.at('next'), 'net', fixed))
  const message = await waitForCondition(client, PORT, project.at('next'), { type: 'Ready', status: 'False' })
  expect(message).toMatch(/\/old/)

  await project.remove(PORT, 'old')
  expect(await rowsOf(project.test, 'Logical_Switch_Port', metadata.uid)).toEqual([])
  const next = await waitForReady<Port>(client, PORT, project.at('next'))
  expect(next.status).toMatchObject({ macAddress: fixed.macAddress, fixedIPs: [{ ipAddress: '10.44.0.9' }] })
}, 60_000)
