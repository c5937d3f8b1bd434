// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ROUTER } from '../../lib/api/kinds.ts'
import type { Router } from '../../lib/api/types.ts'
import { rowOf } from '../harness/northbound.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('router-min', { withImage: false, net: '10.73.0.0/24' })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('one that joins nothing is there; each leg that it gets has the gateway address and a MAC address', async () => {
  const { client } = project.test
  await project.create(ROUTER, draft.router(project.at('r')))
  const made = await waitForReady<Router>(client, ROUTER, project.at('r'))
  expect(made.status).toMatchObject({ state: 'ACTIVE', interfaces: [] })
  expect((await rowOf(project.test, 'Logical_Router', made.metadata.uid))['name']).toBe(made.metadata.uid)
  const spec = {
    interfaces: [{ subnetRef: { name: 'net' } }],
    routes: [{ destination: '0.0.0.0/0', nextHop: '10.73.0.9' }],
  }
  await project.patch(ROUTER, 'r', { spec })
  await waitForReady<Router>(client, ROUTER, project.at('r'))
  const leg = await rowOf(project.test, 'Logical_Router_Port', made.metadata.uid)
  expect(leg).toMatchObject({ networks: '10.73.0.1/24', mac: expect.stringMatching(/^2e:/) as unknown })
  expect(await rowOf(project.test, 'Logical_Router_Static_Route', made.metadata.uid)).toMatchObject({
    ip_prefix: '0.0.0.0/0',
    nexthop: '10.73.0.9',
  })
}, 60_000)
