// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { PORT, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { Port, SecurityGroup } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('groups-del', { withImage: false, net: '10.71.0.0/24' })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const create = (name: string, rules: object[]) =>
  project.create<SecurityGroup>(SECURITY_GROUP, draft.securityGroup(project.at(name), { rules }))

test('a group in use stays and says by which ports, takes no new ones, and goes with the last of them', async () => {
  const { client } = project.test
  await create('front', [{ direction: 'ingress', protocol: 'icmp' }])
  const front = { securityGroupRefs: [{ name: 'front' }] }
  await project.create(PORT, draft.port(project.at('one'), 'net', front))
  await waitForReady<Port>(client, PORT, project.at('one'))
  await client.remove(SECURITY_GROUP, project.at('front'))
  const used = { type: 'Reconciling', reason: 'InUse' }
  const inUse = await waitForCondition(client, SECURITY_GROUP, project.at('front'), used)
  expect(inUse).toContain(`Port ${project.namespace}/one`)
  await project.create(PORT, draft.port(project.at('late'), 'net', front))
  const late = await waitForCondition(client, PORT, project.at('late'), { type: 'Ready', status: 'False' })
  expect(late).toMatch(/front.*being deleted/)
  for (const name of ['one', 'late']) await project.remove(PORT, name)
  await waitForGone(client, SECURITY_GROUP, project.at('front'))
  const own = project.uids.slice(2)
  expect((await project.findLeftovers()).filter((line) => own.some((uid) => line.includes(uid)))).toEqual([])
}, 60_000)
