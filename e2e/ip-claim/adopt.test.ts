// SPDX-License-Identifier: Apache-2.0
// Claims outlive whoever makes them: one left by a crash is taken up by its port, or goes when there is none.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { IP_CLAIM, PORT, SUBNET } from '../../lib/api/kinds.ts'
import type { IPClaim, Port, Subnet } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForGone, waitForReady } from '../harness/wait.ts'

let project: Project
let subnet: Subnet
beforeAll(async () => {
  project = await Project.create('claims', { withImage: false })
  await project.createNetwork('net', '10.72.0.0/24')
  subnet = await project.test.client.get<Subnet>(SUBNET, project.at('net'))
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const nameOf = (address: string) => `${subnet.metadata.uid}-${address.replaceAll('.', '-')}`
const listClaims = () => project.test.client.list<IPClaim>(IP_CLAIM, { namespace: project.namespace })

test('the name is made of subnet and address, so that an address is given once', async () => {
  const { client } = project.test
  await project.create(PORT, draft.port(project.at('a'), 'net'))
  const port = await waitForReady<Port>(client, PORT, project.at('a'))
  const address = port.status?.fixedIPs?.[0]?.ipAddress ?? ''
  const [claim, ...others] = await listClaims()
  expect(others).toEqual([])
  expect(claim?.metadata.name).toBe(nameOf(address))
  expect(claim?.spec).toMatchObject({ address, subnetRef: { name: 'net', uid: subnet.metadata.uid } })
  expect(claim?.metadata.ownerReferences).toMatchObject([{ kind: 'Port', uid: port.metadata.uid }])
  await expect(project.patch(IP_CLAIM, nameOf(address), { spec: { address: '10.72.0.99' } })).rejects.toThrow(
    'an IPClaim cannot change: release it and make another',
  )
  await project.remove(PORT, 'a')
  expect(await listClaims()).toEqual([])
}, 60_000)

test('a claim that a crash left for no port goes; one whose port is there is taken up', async () => {
  const { client } = project.test
  const left = '10.72.0.50'
  const claim = (address: string, port: string) => ({
    apiVersion: 'nephele.dev/v1alpha1',
    kind: 'IPClaim',
    metadata: { name: nameOf(address), namespace: project.namespace },
    spec: {
      subnetRef: { name: 'net', uid: subnet.metadata.uid },
      address,
      portRef: { name: port, namespace: project.namespace },
    },
  })
  await client.create(IP_CLAIM, claim(left, 'nobody'))
  await waitForGone(client, IP_CLAIM, project.at(nameOf(left)))

  const fixedIPs = [{ subnetRef: { name: 'net' }, ipAddress: left }]
  await project.create(PORT, draft.port(project.at('b'), 'net', { fixedIPs }))
  const port = await waitForReady<Port>(client, PORT, project.at('b'))
  expect(port.status?.fixedIPs).toMatchObject([{ ipAddress: left }])
}, 60_000)
