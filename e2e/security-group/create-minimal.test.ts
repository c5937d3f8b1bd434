// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { SecurityGroup } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { rowOf } from '../harness/northbound.ts'
import { Project } from '../harness/project.ts'
import { waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('group-min', { withImage: false, net: '10.46.0.0/24' })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('a group without rules lets nothing in and nothing out', async () => {
  const { metadata } = await project.create(SECURITY_GROUP, draft.securityGroup(project.at('silent')))
  const { status } = await waitForReady<SecurityGroup>(project.test.client, SECURITY_GROUP, project.at('silent'))
  expect(status?.state).toBe('ACTIVE')
  expect((await rowOf(project.test, 'Port_Group', metadata.uid))['acls']).toEqual(['set', []])
  const silent = await project.openDoor({ securityGroupRefs: [{ name: 'silent' }] })
  const [one, two] = [await project.openDoor(), await project.openDoor()]
  expect(await one.pings(two.address)).toBe(true)
  expect(await one.pings(silent.address, 2)).toBe(false)
  expect(await silent.pings(one.address, 2)).toBe(false)
}, 60_000)

test('a Port that names no group has the group `default`, made when it is first needed: all out, in from the group', async () => {
  const { client } = project.test
  const { spec, metadata } = await client.get<SecurityGroup>(SECURITY_GROUP, project.at('default'))
  expect(metadata.labels?.['app.kubernetes.io/managed-by']).toBe('nephele')
  const sorts = (spec.rules ?? []).map(
    (r) => `${r.direction} ${r.etherType ?? 'IPv4'} ${r.remoteGroupRef?.name ?? 'any'}`,
  )
  expect(sorts.sort()).toEqual(['egress IPv4 any', 'egress IPv6 any', 'ingress IPv4 default', 'ingress IPv6 default'])
}, 60_000)
