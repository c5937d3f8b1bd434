// SPDX-License-Identifier: Apache-2.0
// The storage node's agent goes and comes: what it serves is served on, what was asked of it meanwhile is done after.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { VOLUME } from '../../lib/api/kinds.ts'
import type { Volume } from '../../lib/api/types.ts'
import { findProcesses } from '../harness/processes.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady } from '../harness/wait.ts'

let project: Project
let used: Volume
beforeAll(async () => {
  project = await Project.create('volume-agent')
  used = await project.createVolume('used')
  await project.createVolume('old')
  await project.createInstance('box', { volumes: [{ volumeRef: { name: 'used' } }] })
  await waitForReady(project.test.client, VOLUME, project.at('old'))
  await project.waitActive('box')
}, 180_000)
afterAll(async () => {
  await project.test.cloud.startDaemon(project.test.networkNode, 'agent')
  await project.destroy()
}, 120_000)

test('volumes made and deleted while the agent is away are made and deleted when it is back', async () => {
  const { client, cloud, networkNode } = project.test
  const daemonOf = () => findProcesses(cloud.node(networkNode), used.metadata.uid).map(({ pid }) => pid)
  const before = daemonOf()
  expect(before).not.toEqual([])

  await cloud.stopDaemon(networkNode, 'agent')
  await project.createVolume('new')
  await waitForCondition(client, VOLUME, project.at('new'), { type: 'Reconciling', reason: 'Provisioning' })
  await client.remove(VOLUME, project.at('old'))
  await waitForCondition(client, VOLUME, project.at('old'), { type: 'Reconciling' })
  expect(daemonOf()).toEqual(before)

  await cloud.startDaemon(networkNode, 'agent')
  await waitForReady<Volume>(client, VOLUME, project.at('new'))
  await waitForGone(client, VOLUME, project.at('old'))
  expect(daemonOf()).toEqual(before)
  expect((await project.waitActive('box')).status?.state).toBe('ACTIVE')
}, 180_000)
