// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { NETWORK } from '../../lib/api/kinds.ts'
import type { Network } from '../../lib/api/types.ts'
import { readUuids } from '../../lib/ovsdb/values.ts'
import { rowOf, rowsOf } from '../harness/northbound.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('net-min', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('an empty spec is a network: a logical switch with the metadata service’s port, an MTU that fits the tunnels', async () => {
  const network = await project.create<Network>(NETWORK, draft.network(project.at('net')))
  const { uid } = network.metadata
  const { status } = await waitForReady<Network>(project.test.client, NETWORK, project.at('net'))
  expect(status).toMatchObject({ state: 'ACTIVE', mtu: 1442, logicalSwitch: uid })
  const logicalSwitch = await rowOf(project.test, 'Logical_Switch', uid)
  expect(logicalSwitch['name']).toBe(uid)
  const [metadata, ...others] = await rowsOf(project.test, 'Logical_Switch_Port', uid)
  expect(metadata).toMatchObject({ type: 'localport', addresses: expect.stringContaining('169.254.169.254') })
  expect(others).toEqual([])
  expect(readUuids(logicalSwitch['ports'])).toHaveLength(1)

  await project.remove(NETWORK, 'net')
  expect(await project.findLeftovers()).toEqual([])
}, 60_000)
