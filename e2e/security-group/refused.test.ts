// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { PORT, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { Port, SecurityGroup } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('groups-refused', { withImage: false })
  await project.createNetwork('net', '10.71.0.0/24')
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const create = (name: string, rules: object[]) =>
  project.create<SecurityGroup>(SECURITY_GROUP, {
    ...draft.network(project.at(name)),
    kind: 'SecurityGroup',
    spec: { rules },
  })

test.each([
  ['half a range', { direction: 'ingress', protocol: 'tcp', portRangeMin: 80 }, /both portRangeMin and portRangeMax/],
  [
    'ports of icmp',
    { direction: 'ingress', protocol: 'icmp', portRangeMin: 8, portRangeMax: 8 },
    /protocol: tcp or protocol: udp/,
  ],
  [
    'two remotes',
    { direction: 'ingress', remoteIPPrefix: '10.0.0.0/8', remoteGroupRef: { name: 'a' } },
    /for both write two rules/,
  ],
  [
    'another family',
    { direction: 'ingress', etherType: 'IPv6', remoteIPPrefix: '10.0.0.0/8' },
    /etherType of the remoteIPPrefix/,
  ],
  ['no range', { direction: 'ingress', remoteIPPrefix: '10.0.0.1/8" || 1' }, /CIDR/],
])('%s is refused at once', async (_, rule, message) => {
  await expect(create('bad', [rule])).rejects.toThrow(message)
})

test('a group and its remote group wait for each other by name, and leave nothing', async () => {
  const { client } = project.test
  await create('front', [{ direction: 'ingress', remoteGroupRef: { name: 'back' } }])
  const missing = await waitForCondition(client, SECURITY_GROUP, project.at('front'), {
    type: 'Reconciling',
    reason: 'SecurityGroupNotFound',
  })
  expect(missing).toMatch(/back in spec\.rules\[0\]\.remoteGroupRef/)
  await create('back', [])
  await waitForReady<SecurityGroup>(client, SECURITY_GROUP, project.at('front'))

  await project.create(PORT, draft.port(project.at('one'), 'net', { securityGroupRefs: [{ name: 'front' }] }))
  await waitForReady<Port>(client, PORT, project.at('one'))
  await client.remove(SECURITY_GROUP, project.at('front'))
  const inUse = await waitForCondition(client, SECURITY_GROUP, project.at('front'), {
    type: 'Reconciling',
    reason: 'InUse',
  })
  expect(inUse).toContain(`Port ${project.namespace}/one`)
  await project.create(PORT, draft.port(project.at('late'), 'net', { securityGroupRefs: [{ name: 'front' }] }))
  const late = await waitForCondition(client, PORT, project.at('late'), { type: 'Ready', status: 'False' })
  expect(late).toMatch(/front.*being deleted/)
  for (const name of ['one', 'late']) await project.remove(PORT, name)
  await waitForGone(client, SECURITY_GROUP, project.at('front'))
  await project.remove(SECURITY_GROUP, 'back')
  const groups = project.uids.slice(2)
  expect((await project.findLeftovers()).filter((line) => groups.some((uid) => line.includes(uid)))).toEqual([])
}, 120_000)
