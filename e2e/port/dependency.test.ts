// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { NETWORK, PORT, SECURITY_GROUP, SUBNET } from '../../lib/api/kinds.ts'
import type { Port } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('port-dep', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('a Port names each thing that it waits for, and goes on when it appears', async () => {
  const { client } = project.test
  const waits = (reason: string) => waitForCondition(client, PORT, project.at('early'), { type: 'Reconciling', reason })
  await project.create(PORT, draft.port(project.at('early'), 'net', { securityGroupRefs: [{ name: 'web' }] }))
  expect(await waits('NetworkNotFound')).toMatch(/Network .*net .*spec\.networkRef/)
  await project.create(NETWORK, draft.network(project.at('net')))
  expect(await waits('NoSubnet')).toMatch(/Network .*\/net has no Subnet: create one/)
  await project.create(SUBNET, draft.subnet(project.at('net'), 'net', '10.43.0.0/24'))
  expect(await waits('SecurityGroupNotFound')).toMatch(/web in spec\.securityGroupRefs\[0\]/)
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('web'), { rules: [] }))
  const { status } = await waitForReady<Port>(client, PORT, project.at('early'))
  expect(status).toMatchObject({ state: 'DOWN', fixedIPs: [{ subnet: 'net' }] })
}, 60_000)
