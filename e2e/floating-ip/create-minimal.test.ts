// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLOATING_IP } from '../../lib/api/kinds.ts'
import type { FloatingIP } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { PUBLIC } from '../harness/public.ts'
import { waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('fip-min', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('one that leads nowhere yet has an address of the external network, which nobody else gets', async () => {
  const names = ['a', 'b', 'c']
  for (const name of names) await project.create(FLOATING_IP, draft.floatingIP(project.at(name), PUBLIC))
  const made = await Promise.all(
    names.map((name) => waitForReady<FloatingIP>(project.test.client, FLOATING_IP, project.at(name))),
  )
  expect(made.map(({ status }) => status?.state)).toEqual(['DOWN', 'DOWN', 'DOWN'])
  const addresses = made.map(({ status }) => status?.ipAddress ?? '')
  expect(new Set(addresses).size).toBe(3)
  for (const address of addresses) expect(address).toMatch(/^10\.97\.\d+\.\d+$/)
}, 60_000)
