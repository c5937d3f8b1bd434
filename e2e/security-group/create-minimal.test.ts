// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { SecurityGroup } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { rowOf } from '../harness/northbound.ts'
import { Project } from '../harness/project.ts'
import { waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('group-min', { withImage: false, net: '10.46.0.0/24' })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const make = async (name: string, spec: object) => {
  const { metadata } = await project.create(SECURITY_GROUP, draft.securityGroup(project.at(name), spec))
  const { status } = await waitForReady<SecurityGroup>(project.test.client, SECURITY_GROUP, project.at(name))
  expect(status?.state).toBe('ACTIVE')
  return rowOf(project.test, 'Port_Group', metadata.uid)
}

test('a group without rules that denies egress lets nothing in and nothing out', async () => {
  expect((await make('silent', { denyEgress: true }))['acls']).toEqual(['set', []])
  const silent = await project.openDoor({ securityGroupRefs: [{ name: 'silent' }] })
  const [one, two] = [await project.openDoor(), await project.openDoor()]
  expect(await one.pings(two.address)).toBe(true)
  expect(await one.pings(silent.address, 2)).toBe(false)
  expect(await silent.pings(one.address, 2)).toBe(false)
}, 60_000)

test('who writes only what may come in means no more than that: out passes everything', async () => {
  await make('ping', { rules: [{ direction: 'ingress', protocol: 'icmp' }] })
  const [one, two] = [
    await project.openDoor({ securityGroupRefs: [{ name: 'ping' }] }),
    await project.openDoor({ securityGroupRefs: [{ name: 'ping' }] }),
  ]
  expect(await one.pings(two.address)).toBe(true)
  await project.patch(SECURITY_GROUP, 'ping', { spec: { denyEgress: true } })
  await waitUntilTrue('no way out', async () => !(await one.pings(two.address, 1)) || undefined)
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
