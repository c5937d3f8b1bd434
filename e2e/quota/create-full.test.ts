// SPDX-License-Identifier: Apache-2.0
// A project that may have one machine and one volume: what is too much waits, without anything being made for it, and goes on when there is
// room; what is there stays when the Quota is lowered.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, PORT, QUOTA, VOLUME } from '../../lib/api/kinds.ts'
import type { Port, Quota, Volume } from '../../lib/api/types.ts'
import type { ResourceKind } from '../../lib/kube/object.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForObject, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('quota', { net: '10.83.0.0/24' })
}, 180_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const waitsForQuota = (kind: ResourceKind, name: string) =>
  waitForCondition(project.test.client, kind, project.at(name), {
    type: 'Ready',
    status: 'False',
    reason: 'QuotaExceeded',
  })
const quotaSays = (what: string, says: (quota: Quota) => boolean) =>
  waitForObject<Quota>(project.test.client, QUOTA, project.at('main'), (quota) => quota !== undefined && says(quota), {
    what,
  })
const allow = (hard: Record<string, number>) => project.patch(QUOTA, 'main', { spec: { hard } })

test('what is too much waits, with the numbers, and nothing is made for it', async () => {
  await project.create(QUOTA, draft.quota(project.at('main'), { hard: { instances: 1, volumes: 1 } }))
  await project.createInstance('one', { networks: [{ networkRef: { name: 'net' } }] })
  await project.waitActive('one')
  await project.createInstance('two', { networks: [{ networkRef: { name: 'net' } }] })
  const refusal = await waitsForQuota(INSTANCE, 'two')
  expect(refusal).toBe(
    `Quota ${project.namespace}/main allows 1 instances: 1 is taken, and this needs 1; it waits until there is room. Delete what is not needed, or have the quota raised`,
  )
  const ports = await project.test.client.list<Port>(PORT, { namespace: project.namespace })
  expect(ports.map(({ metadata }) => metadata.ownerReferences?.[0]?.name)).toEqual(['one'])
  await quotaSays('one machine', ({ status }) => status?.used?.instances === 1 && status.reserved === undefined)
}, 180_000)

test('it goes on when the Quota is raised, and stays when it is lowered', async () => {
  await allow({ instances: 2 })
  await project.waitActive('two')
  await allow({ instances: 1 })
  const over = await waitForCondition(project.test.client, QUOTA, project.at('main'), {
    type: 'Ready',
    status: 'True',
    reason: 'OverQuota',
  })
  expect(over).toContain('2 instances of 1')
  expect((await project.get('two')).status?.state).toBe('ACTIVE')
}, 120_000)

test('a Volume takes the place of one that goes', async () => {
  await project.create(VOLUME, draft.volume(project.at('a')))
  await waitForReady<Volume>(project.test.client, VOLUME, project.at('a'))
  await project.create(VOLUME, draft.volume(project.at('b')))
  await waitsForQuota(VOLUME, 'b')
  await project.test.client.remove(VOLUME, project.at('a'))
  await waitForGone(project.test.client, VOLUME, project.at('a'))
  await waitForReady<Volume>(project.test.client, VOLUME, project.at('b'))
  await quotaSays('one volume', ({ status }) => status?.used?.volumes === 1)
}, 120_000)
