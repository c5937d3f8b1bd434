// SPDX-License-Identifier: Apache-2.0
// Whatever the order in which they go, all of them go: networks, routers, floating IPs, ports.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLOATING_IP, IP_CLAIM, NAMESPACE, NETWORK, PORT, ROUTER, SUBNET } from '../../lib/api/kinds.ts'
import type { FloatingIP, IPClaim } from '../../lib/api/types.ts'
import { rowsOf } from '../harness/northbound.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { PUBLIC } from '../harness/public.ts'
import { waitForCondition, waitForGone, waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('fip-delete', { withImage: false, net: '10.78.0.0/24' })
  const spec = { interfaces: [{ subnetRef: { name: 'net' } }], externalGateway: PUBLIC }
  await project.create(ROUTER, draft.router(project.at('main'), spec))
  await project.create(PORT, draft.port(project.at('eth'), 'net'))
  await project.create(FLOATING_IP, draft.floatingIP(project.at('web'), { ...PUBLIC, portRef: { name: 'eth' } }))
}, 60_000)
afterAll(() => project.test.client.remove(NAMESPACE, { name: project.namespace }).catch(() => undefined), 60_000)

const claimsOutside = async () => {
  const claims = await project.test.client.list<IPClaim>(IP_CLAIM, { namespace: PUBLIC.networkRef.namespace })
  return claims
    .flatMap(({ spec }) => spec.claims)
    .filter(({ ownerRef }) => ownerRef?.namespace === project.namespace)
    .map(({ ownerRef }) => ownerRef?.kind)
    .sort()
}

test('what is in use stays, and says by what', async () => {
  const { client } = project.test
  const web = await waitForReady<FloatingIP>(client, FLOATING_IP, project.at('web'))
  expect(await claimsOutside()).toEqual(['FloatingIP', 'Router'])
  await client.remove(ROUTER, project.at('main'))
  const inUse = { type: 'Reconciling', status: 'True', reason: 'InUse' } as const
  await waitForCondition(client, ROUTER, project.at('main'), inUse)
  expect(await rowsOf(project.test, 'NAT', web.metadata.uid)).toHaveLength(1)
}, 60_000)

test('a whole namespace goes at once: nothing of it is left outside, in OVN or of addresses', async () => {
  const { client } = project.test
  await client.remove(NAMESPACE, { name: project.namespace })
  for (const [kind, name] of [
    [FLOATING_IP, 'web'],
    [ROUTER, 'main'],
    [PORT, 'eth'],
    [SUBNET, 'net'],
    [NETWORK, 'net'],
  ] as const)
    await waitForGone(client, kind, project.at(name), 60_000)
  await waitForGone(client, NAMESPACE, { name: project.namespace })
  expect(await project.findLeftovers()).toEqual([])
  await waitUntilTrue('no address outside is kept', async () => (await claimsOutside()).length === 0 || undefined)
}, 120_000)
