// SPDX-License-Identifier: Apache-2.0
// What may change on an Image that is in use, and what of it may not.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { IMAGE, INSTANCE } from '../../lib/api/kinds.ts'
import type { Image } from '../../lib/api/types.ts'
import { serveOwnGuest, type ServedImage } from '../harness/image-cache.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

let project: Project
let first: ServedImage
beforeAll(async () => {
  project = await Project.create('image-update', { withImage: false })
  first = serveOwnGuest(project.test, project.namespace)
  await project.create(IMAGE, draft.image(project.at('own'), first))
  await waitForReady<Image>(project.test.client, IMAGE, project.at('own'))
}, 60_000)
afterAll(async () => {
  first.remove()
  await project.destroy()
}, 60_000)

const createOff = (name: string, zone: string) =>
  project.createInstance(name, { imageRef: { name: 'own' }, runState: 'Stopped', availabilityZone: zone })
const patch = (spec: object) => project.patch(IMAGE, 'own', { spec })

test.each([
  ['sha256', { sha256: '0'.repeat(64) }],
  ['format', { format: 'raw' }],
  ['architecture', { architecture: 'aarch64' }],
])('%s cannot change', async (field, spec) => {
  await expect(patch(spec)).rejects.toThrow(new RegExp(`${field} cannot change`))
})

test('what it needs of a flavor counts for new machines, and lowered lets those in that were refused', async () => {
  const { client } = project.test
  await createOff('before', 'zone-a')
  await project.waitActive('before')
  await patch({ minMemoryMiB: 4096 })
  await waitForReady<Image>(client, IMAGE, project.at('own'))
  await createOff('after', 'zone-a')
  const want = { type: 'Stalled', reason: 'FlavorTooSmall' }
  expect(await waitForCondition(client, INSTANCE, project.at('after'), want)).toMatch(/the image needs 4096/)
  expect((await project.get('before')).status?.state).toBe('SHUTOFF')
  await patch({ minMemoryMiB: 0 })
  await project.waitActive('after')
}, 60_000)

test('a source that moved is where nodes fetch it from then on', async () => {
  const moved = serveOwnGuest(project.test, `${project.namespace}-moved`)
  try {
    // Other bytes under the old digest are refused by the node that needs them, and harm no machine that is there.
    await patch({ source: { http: { url: moved.url } } })
    await waitForReady<Image>(project.test.client, IMAGE, project.at('own')) // seen
    await createOff('misled', 'zone-b')
    const message = await waitForCondition(project.test.client, INSTANCE, project.at('misled'), {
      type: 'Ready',
      status: 'False',
      message: /another SHA-256, the image was imported with .*make a new Image/,
    })
    expect(message).not.toMatch(/\/var\/lib/)
    expect((await project.get('before')).status?.state).toBe('SHUTOFF')
    await patch({ source: { http: { url: first.url } } })
    await project.waitActive('misled')
  } finally {
    moved.remove()
  }
}, 90_000)
