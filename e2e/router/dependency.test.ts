// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ROUTER } from '../../lib/api/kinds.ts'
import type { Router } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('router-dep', { withImage: false, net: '10.77.0.0/24' })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('one whose Subnet is not there yet joins the others, says so, and joins that one when it comes', async () => {
  const { client } = project.test
  const interfaces = ['later', 'net'].map((name) => ({ subnetRef: { name } }))
  await project.create(ROUTER, draft.router(project.at('r'), { interfaces }))
  const want = { type: 'Ready', status: 'False', reason: 'SubnetNotFound' }
  expect(await waitForCondition(client, ROUTER, project.at('r'), want)).toContain('spec.interfaces[0].subnetRef')
  const { status } = await client.get<Router>(ROUTER, project.at('r'))
  expect(status?.interfaces).toMatchObject([{ subnet: 'net' }])
  await project.createNetwork('later', '10.78.0.0/24')
  const ready = await waitForReady<Router>(client, ROUTER, project.at('r'))
  expect(ready.status?.interfaces).toMatchObject([{ subnet: 'later' }, { subnet: 'net' }])
}, 60_000)
