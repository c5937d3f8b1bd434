// SPDX-License-Identifier: Apache-2.0
// What one project shares with another, and what happens to those who use it when it is taken back.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { IMAGE, INSTANCE, NETWORK, PORT } from '../../lib/api/kinds.ts'
import type { Port } from '../../lib/api/types.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

let owner: Project
let guest: Project
beforeAll(async () => {
  owner = await Project.create('owner')
  guest = await Project.create('guest', { withImage: false })
  await owner.createNetwork('net', '10.73.0.0/24')
}, 120_000)
afterAll(async () => {
  await guest.destroy()
  await owner.destroy()
}, 120_000)

const waits = (name: string, reason: string) =>
  waitForCondition(guest.test.client, INSTANCE, guest.at(name), { type: 'Reconciling', reason })

test('an image and a network of another project are used once they are shared, and told apart from none by nothing', async () => {
  const { client } = guest.test
  const spec = (name: string, network: string) => ({
    imageRef: { name, namespace: owner.namespace },
    networks: [{ networkRef: { name: network, namespace: owner.namespace } }],
  })
  await guest.createInstance('box', spec('guest', 'net'))
  await guest.createInstance('none', spec('ghost', 'shade'))
  const [real, ghost] = [await waits('box', 'ImageNotFound'), await waits('none', 'ImageNotFound')]
  expect(real).toContain('does not exist or is not shared')
  expect(ghost.replaceAll('/ghost ', '/guest ').replaceAll('/shade ', '/net ')).toBe(real)
  await guest.remove(INSTANCE, 'none')

  const sharedWith = [{ namespace: guest.namespace }]
  await owner.patch(IMAGE, 'guest', { spec: { visibility: 'shared', sharedWith } })
  expect(await waits('box', 'NetworkNotFound')).toContain('is not shared')
  await owner.patch(NETWORK, 'net', { spec: { sharedWith } })
  const box = await guest.waitActive('box')
  expect(box.status?.addresses?.[0]?.ipAddress).toMatch(/^10\.73\.0\.\d+$/)
  const [port] = await client.list<Port>(PORT, { namespace: guest.namespace })
  expect(port?.spec.networkRef).toEqual({ name: 'net', namespace: owner.namespace })
}, 120_000)

test('taken back, it serves no new machine, and the one that has it keeps it', async () => {
  await owner.patch(IMAGE, 'guest', { spec: { visibility: 'private', sharedWith: null } })
  await owner.patch(NETWORK, 'net', { spec: { sharedWith: null } })
  await waitForReady(owner.test.client, IMAGE, owner.at('guest')) // seen: a machine may be seen before it otherwise
  await guest.createInstance('late', { imageRef: { name: 'guest', namespace: owner.namespace } })
  await waits('late', 'ImageNotFound')
  await guest.remove(INSTANCE, 'late')
  await owner.test.client.remove(NETWORK, owner.at('net'))
  await waitForCondition(owner.test.client, NETWORK, owner.at('net'), {
    type: 'Reconciling',
    reason: 'InUse',
    message: new RegExp(guest.namespace),
  })
  const box = await guest.get('box')
  expect(box.status?.state).toBe('ACTIVE')
  const { client } = guest.test
  for (const { metadata } of await client.list<Port>(PORT, { namespace: guest.namespace }))
    await waitForReady(client, PORT, guest.at(metadata.name))
}, 90_000)
