// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { PORT, SUBNET } from '../../lib/api/kinds.ts'
import type { Port, Subnet } from '../../lib/api/types.ts'
import { optionsOf, rowOf } from '../harness/northbound.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('subnet-min', { withImage: false, net: '10.36.0.0/24' })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('a network and a range are enough: the first address is the gateway, DHCP tells it, and Ports get the others', async () => {
  const { client } = project.test
  const { status, metadata } = await waitForReady<Subnet>(client, SUBNET, project.at('net'))
  expect(status).toMatchObject({ state: 'ACTIVE', gatewayIP: '10.36.0.1' })
  const row = await rowOf(project.test, 'DHCP_Options', metadata.uid)
  expect(row['cidr']).toBe('10.36.0.0/24')
  expect(optionsOf(row)).toMatchObject({ router: '10.36.0.1', lease_time: '43200', mtu: '1442' })

  await project.create(PORT, draft.port(project.at('one'), 'net'))
  const port = await waitForReady<Port>(client, PORT, project.at('one'))
  expect(port.status?.fixedIPs).toMatchObject([{ subnet: 'net', prefixLength: 24 }])
  expect(port.status?.fixedIPs?.[0]?.ipAddress).toMatch(/^10\.36\.0\.(?!0$|1$|255$)\d+$/)
}, 60_000)
