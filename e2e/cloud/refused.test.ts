// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { CLOUD } from '../../lib/api/kinds.ts'
import type { Cloud } from '../../lib/api/types.ts'
import { openTestCloud } from '../harness/cloud.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

const only = { name: 'default' }

test('the one Cloud is Ready, hears its nodes and sees no step back in time', async () => {
  const { client } = openTestCloud()
  const { status, spec } = await waitForReady<Cloud>(client, CLOUD, only)
  expect(status).toMatchObject({ state: 'OK', highestIncarnationSeen: spec.incarnation })
  await waitForCondition(client, CLOUD, only, { type: 'BusHealthy' })
  await waitForCondition(client, CLOUD, only, { type: 'ControlPlaneRegressed', status: 'False' })
})

test('there is no second Cloud, and its incarnation never falls', async () => {
  const { client } = openTestCloud()
  const second = client.create(CLOUD, { metadata: { name: 'other' }, spec: { incarnation: 1 } })
  await expect(second).rejects.toThrow('a cluster holds one Cloud: write metadata.name: default')
  const { spec } = await client.get<Cloud>(CLOUD, only)
  const lower = client.mergePatch(CLOUD, only, { spec: { incarnation: (spec.incarnation ?? 1) - 1 } })
  await expect(lower).rejects.toThrow(/incarnation/)
})
