// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SUBNET } from '../../lib/api/kinds.ts'
import type { Subnet } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('subnet-dep', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('one whose Network is not there says so, and is Ready once it is', async () => {
  const { client } = project.test
  await project.create(SUBNET, draft.subnet(project.at('early'), 'later', '10.66.0.0/24', { disableGateway: true }))
  const want = { type: 'Reconciling', reason: 'NetworkNotFound' }
  expect(await waitForCondition(client, SUBNET, project.at('early'), want)).toContain('later')
  await project.createNetwork('later', '10.67.0.0/24')
  const early = await waitForReady<Subnet>(client, SUBNET, project.at('early'))
  expect(early.status?.gatewayIP).toBeUndefined()
}, 60_000)
