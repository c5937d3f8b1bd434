// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, test } from '@jest/globals'
import { FLOATING_IP, NETWORK, SUBNET } from '../../lib/api/kinds.ts'
import type { Subnet } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { PUBLIC } from '../harness/public.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('fip-refused', { withImage: false, net: '10.76.0.0/24' })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const says = (name: string, reason: string, type = 'Reconciling') =>
  waitForCondition(project.test.client, FLOATING_IP, project.at(name), { type, status: 'True', reason })
const make = (name: string, spec: object) => project.create(FLOATING_IP, draft.floatingIP(project.at(name), spec))

test('a network that is not external, one that is not shared, and addresses that are not to be had', async () => {
  await make('inner', { networkRef: { name: 'net' } })
  await says('inner', 'NetworkNotExternal')
  const other = await Project.create('fip-others', { withImage: false })
  try {
    await other.create(NETWORK, draft.network(other.at('theirs'), { external: true }))
    await other.create(SUBNET, draft.subnet(other.at('theirs'), 'theirs', '10.77.0.0/24'))
    await waitForReady(project.test.client, SUBNET, other.at('theirs'))
    await make('foreign', { networkRef: { namespace: other.namespace, name: 'theirs' } })
    await says('foreign', 'NetworkNotFound')
  } finally {
    await project.remove(FLOATING_IP, 'foreign')
    await other.destroy()
  }
  await make('elsewhere', { ...PUBLIC, ipAddress: '192.0.2.1' })
  await says('elsewhere', 'AddressOutsideSubnet', 'Stalled')
  const { namespace, name } = PUBLIC.networkRef
  const { spec } = await project.test.client.get<Subnet>(SUBNET, { namespace, name })
  await make('gateway', { ...PUBLIC, ipAddress: spec.gatewayIP })
  await says('gateway', 'AddressReserved')
}, 90_000)
