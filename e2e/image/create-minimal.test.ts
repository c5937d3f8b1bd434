// SPDX-License-Identifier: Apache-2.0
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { IMAGE } from '../../lib/api/kinds.ts'
import type { Image } from '../../lib/api/types.ts'
import { cachedPath } from '../harness/image-cache.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('image-min', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('an address and a format are enough: fetched once, to the image node alone, its digest and sizes in the status', async () => {
  const { client, guestImage, images, networkNode } = project.test
  const minimal = { source: { http: { url: guestImage.url } }, sha256: undefined, format: 'qcow2' }
  await project.create(IMAGE, draft.image(project.at('plain'), guestImage, minimal))
  const { status } = await waitForReady<Image>(client, IMAGE, project.at('plain'))
  expect(status).toMatchObject({
    state: 'active',
    importNode: networkNode,
    sha256: guestImage.sha256,
    sizeBytes: statSync(join(images.dir, 'guest.qcow2')).size,
    virtualSizeBytes: 32 * 2 ** 20,
  })
  expect(status?.progress).toBeUndefined()
  expect(existsSync(cachedPath(project.test, networkNode, guestImage.sha256))).toBe(true)
}, 60_000)
