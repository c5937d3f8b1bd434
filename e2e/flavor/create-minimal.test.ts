// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLAVOR } from '../../lib/api/kinds.ts'
import type { Flavor } from '../../lib/api/types.ts'
import { Project } from '../harness/project.ts'
import { waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('flavor-min')
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('processors and memory are enough: the root disk is as large as the image, and there is no other', async () => {
  const { client, cloud } = project.test
  const { metadata } = await project.createClusterWide<Flavor>(FLAVOR, 'min', { vcpus: 1, memoryMiB: 128 })
  const { spec, status } = await waitForReady<Flavor>(client, FLAVOR, { name: metadata.name })
  expect(spec).toMatchObject({ rootDiskGiB: 0, ephemeralGiB: 0, swapMiB: 0, public: true })
  expect(status?.state).toBe('ACTIVE')
  await project.createInstance('box', { flavorRef: { name: metadata.name }, runState: 'Stopped' })
  const box = await project.waitActive('box')
  // The image has 32 MiB; what is claimed is counted in whole GiB.
  expect(box.status?.flavor).toMatchObject({ vcpus: 1, memoryMiB: 128, rootDiskGiB: 1 })
  const { stdout } = await cloud.exec(box.status?.node ?? '', ['virsh', 'dumpxml', '--inactive', box.metadata.uid])
  expect(stdout.match(/<disk type=/g)).toHaveLength(1)
  expect(stdout).toContain("<memory unit='KiB'>131072</memory>")
}, 60_000)
