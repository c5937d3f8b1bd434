// SPDX-License-Identifier: Apache-2.0
// The storage node's agent has lost its memory while a guest writes: the volume is served on from the same file by the same daemon.
import { readdirSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { VOLUME } from '../../lib/api/kinds.ts'
import type { Instance, Volume } from '../../lib/api/types.ts'
import { pathIn } from '../../local/node/node.ts'
import { waitForRounds, WRITER } from '../harness/load.ts'
import { findProcesses } from '../harness/processes.ts'
import { ON_NET, Project } from '../harness/project.ts'
import { waitForObject, waitUntilTrue } from '../harness/wait.ts'

const DOCUMENTS = '/var/lib/nephele/documents'

let project: Project
let writer: Instance
let volume: Volume
beforeAll(async () => {
  project = await Project.create('volume-adopt', { net: '10.52.0.0/24' })
  volume = await project.createVolume('data')
  writer = await project.boot('writer', { ...ON_NET, volumes: [{ volumeRef: { name: 'data' } }], userData: WRITER })
  await waitForRounds(project, writer, 'write', 2)
}, 120_000)
afterAll(async () => {
  await project.test.cloud.startDaemon(project.test.networkNode, 'agent')
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

test('documents lost: what is written stays written, nothing is made or served twice, and it can still grow', async () => {
  const { client, cloud, networkNode } = project.test
  const node = cloud.node(networkNode)
  const serving = () => findProcesses(node, volume.metadata.uid).map(({ pid }) => pid)
  const files = () =>
    readdirSync(pathIn(node, '/var/lib/nephele/volumes'), { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.includes(volume.metadata.uid),
    )
  const before = {
    serving: serving(),
    files: files(),
    bootId: (await waitForRounds(project, writer, 'write', 1)).bootId,
  }
  expect(before.serving).toHaveLength(1)

  await cloud.stopDaemon(networkNode, 'agent')
  for (const name of readdirSync(pathIn(node, DOCUMENTS))) rmSync(pathIn(node, `${DOCUMENTS}/${name}`))
  await waitForRounds(project, writer, 'write', 1)
  await cloud.startDaemon(networkNode, 'agent')
  await waitUntilTrue('its document again', () =>
    readdirSync(pathIn(node, DOCUMENTS)).includes(`volume.${volume.metadata.uid}.json`),
  )
  await project.patch(VOLUME, 'data', { spec: { sizeGiB: 2 } })
  const isGrown = (v: Volume | undefined) => v?.status?.sizeGiB === 2 && v.status.state === 'in-use'
  await waitForObject<Volume>(client, VOLUME, project.at('data'), isGrown, { what: '2 GiB, in use' })

  expect({ serving: serving(), files: files() }).toEqual({ serving: before.serving, files: before.files })
  const after = await waitForRounds(project, writer, 'write', 2)
  expect(after.bootId).toBe(before.bootId)
  expect(after.broken).toEqual([])
}, 120_000)
