// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { NETWORK } from '../../lib/api/kinds.ts'
import type { Network } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('net-refused', { withImage: false })
}, 60_000)
afterAll(async () => {
  await project.patch(NETWORK, 'kept', { spec: { deletionProtection: false } })
  await project.destroy()
}, 60_000)

test.each([
  ['an MTU below what IP needs', { mtu: 500 }, /mtu/],
  ['a domain that is none', { dnsDomain: 'Team_1.' }, /domain name in lower case/],
  ['a namespace that is none', { sharedWith: [{ namespace: 'A B' }] }, /one namespace, or '\*'/],
  ['a namespace twice', { sharedWith: [{ namespace: 'a' }, { namespace: 'a' }] }, /Duplicate/],
])('%s is refused at once', async (_, spec, message) => {
  await expect(project.create(NETWORK, draft.network(project.at('bad'), spec))).rejects.toThrow(message)
})

test('an MTU above what the tunnels carry is cut to it, and the status says what is in effect', async () => {
  await project.create(NETWORK, draft.network(project.at('jumbo'), { mtu: 9000 }))
  const { status } = await waitForReady<Network>(project.test.client, NETWORK, project.at('jumbo'))
  expect(status?.mtu).toBe(1442)
}, 60_000)

test('one under deletion protection is not deleted, not even with all others', async () => {
  const { client, cloud } = project.test
  await project.create(NETWORK, draft.network(project.at('kept'), { deletionProtection: true }))
  await expect(client.remove(NETWORK, project.at('kept'))).rejects.toThrow(
    /Network kept has deletion protection: write spec.deletionProtection: false first/,
  )
  await expect(
    cloud.kubectl(['delete', 'networks.nephele.dev', '--all', '-n', project.namespace, '--wait=false']),
  ).rejects.toMatchObject({ stderr: expect.stringContaining('deletion protection') })
  expect((await client.get<Network>(NETWORK, project.at('kept'))).metadata.deletionTimestamp).toBeUndefined()
}, 60_000)
