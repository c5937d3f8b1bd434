// SPDX-License-Identifier: Apache-2.0
import { statSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { VOLUME } from '../../lib/api/kinds.ts'
import type { Volume } from '../../lib/api/types.ts'
import { pathIn } from '../../local/node/node.ts'
import { findProcesses } from '../harness/processes.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady } from '../harness/wait.ts'

const GIB = 2 ** 30

let project: Project
beforeAll(async () => {
  project = await Project.create('volume-min', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('a size is enough: a thin file on the storage node and nowhere else, which goes with the Volume', async () => {
  const { client, cloud, computeNodes, networkNode } = project.test
  await project.create(VOLUME, draft.volume(project.at('data')))
  const { status, metadata } = await waitForReady<Volume>(client, VOLUME, project.at('data'))
  expect(status).toMatchObject({ state: 'available', node: networkNode, pool: 'files', sizeGiB: 1 })

  const path = `/var/lib/nephele/volumes/files/${metadata.uid}.raw`
  const file = statSync(pathIn(cloud.node(networkNode), path))
  expect(file.size).toBe(GIB)
  expect(file.blocks * 512).toBeLessThan(GIB / 100)
  for (const node of computeNodes) {
    expect(() => statSync(pathIn(cloud.node(node), path))).toThrow('ENOENT')
  }
  // Nobody has it, so nothing serves it.
  expect(findProcesses(cloud.node(networkNode), metadata.uid)).toEqual([])

  await project.remove(VOLUME, 'data')
  expect(await project.findLeftovers()).toEqual([])
}, 60_000)
