// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { SecurityGroup } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('groups-dep', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const create = (name: string, rules: object[]) =>
  project.create<SecurityGroup>(SECURITY_GROUP, draft.securityGroup(project.at(name), { rules }))

test('a group waits for its remote group by name, and goes on when it appears', async () => {
  const { client } = project.test
  await create('front', [{ direction: 'ingress', remoteGroupRef: { name: 'back' } }])
  const want = { type: 'Reconciling', reason: 'SecurityGroupNotFound' }
  expect(await waitForCondition(client, SECURITY_GROUP, project.at('front'), want)).toMatch(
    /back in spec\.rules\[0\]\.remoteGroupRef/,
  )
  await create('back', [])
  await waitForReady<SecurityGroup>(client, SECURITY_GROUP, project.at('front'))
}, 60_000)
