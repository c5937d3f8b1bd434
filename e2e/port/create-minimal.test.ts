// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { IP_CLAIM, PORT } from '../../lib/api/kinds.ts'
import type { IPClaim, Port } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('port-min', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('a Port waits for its Network by name, then has a MAC and an address, is plugged nowhere, and leaves nothing', async () => {
  const { client } = project.test
  await project.create(PORT, draft.port(project.at('own'), 'net'))
  const missing = await waitForCondition(client, PORT, project.at('own'), {
    type: 'Reconciling',
    reason: 'NetworkNotFound',
  })
  expect(missing).toMatch(/Network .*net .*spec\.networkRef/)
  await project.createNetwork('net', '10.62.0.0/24')
  const { status } = await waitForReady<Port>(client, PORT, project.at('own'))
  expect(status).toMatchObject({ state: 'DOWN', fixedIPs: [{ subnet: 'net', prefixLength: 24 }] })
  expect(status?.macAddress).toMatch(/^fa:16:3e(:[0-9a-f]{2}){3}$/)
  expect(status?.node).toBeUndefined()
  const claims = await client.list<IPClaim>(IP_CLAIM, { namespace: project.namespace })
  expect(claims.flatMap((c) => c.spec.claims.map((e) => e.address))).toEqual([status?.fixedIPs?.[0]?.ipAddress])

  await project.remove(PORT, 'own')
  expect(await client.list(IP_CLAIM, { namespace: project.namespace })).toEqual([])
  expect((await project.findLeftovers()).filter((line) => line.includes(project.uids[0] ?? '-'))).toEqual([])
}, 90_000)
