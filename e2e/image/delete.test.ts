// SPDX-License-Identifier: Apache-2.0
// An image that several nodes have in their caches: it stays while machines use it, and then goes from all of them.
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { IMAGE, INSTANCE } from '../../lib/api/kinds.ts'
import type { Image } from '../../lib/api/types.ts'
import { cachedPath, serveOwnGuest, type ServedImage } from '../harness/image-cache.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let own: ServedImage
beforeAll(async () => {
  project = await Project.create('image-del', { withImage: false })
  own = serveOwnGuest(project.test, project.namespace)
  await project.create(IMAGE, draft.image(project.at('own'), own))
  await waitForReady<Image>(project.test.client, IMAGE, project.at('own'))
}, 60_000)
afterAll(async () => {
  own.remove()
  await project.destroy()
}, 60_000)

test('in use it stays, says by which machines and takes no other; unused it goes from every cache', async () => {
  const { client, computeNodes, networkNode } = project.test
  const off = { imageRef: { name: 'own' }, runState: 'Stopped' }
  await project.createInstance('a', { ...off, availabilityZone: 'zone-a' })
  await project.createInstance('b', { ...off, availabilityZone: 'zone-b' })
  await Promise.all(['a', 'b'].map((name) => project.waitActive(name)))
  const caches = [networkNode, ...computeNodes].map((node) => cachedPath(project.test, node, own.sha256))
  await waitUntilTrue('a copy on each node', () => caches.every((path) => existsSync(path)) || undefined)

  await client.remove(IMAGE, project.at('own'))
  const used = { type: 'Reconciling', reason: 'InUse' }
  const message = await waitForCondition(client, IMAGE, project.at('own'), used)
  expect(message).toMatch(/Instances? .*\/a, .*\/b/)
  await project.createInstance('late', off)
  const late = await waitForCondition(client, INSTANCE, project.at('late'), {
    type: 'Reconciling',
    reason: 'ImageDeleting',
  })
  expect(late).toMatch(/own .*being deleted/)
  await project.remove(INSTANCE, 'late')
  await project.remove(INSTANCE, 'a')
  await waitForCondition(client, IMAGE, project.at('own'), { ...used, message: /\/b/ })
  expect(caches.map((path) => existsSync(path))).toContain(true)

  await project.remove(INSTANCE, 'b')
  await waitForGone(client, IMAGE, project.at('own'))
  await waitUntilTrue('no copy', () => !caches.some((path) => existsSync(path)) || undefined)
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)
