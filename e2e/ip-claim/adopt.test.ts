// SPDX-License-Identifier: Apache-2.0
// Claims outlive whoever makes them: one left by a crash is taken up by its port, or goes when there is none.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { IP_CLAIM, PORT, SUBNET } from '../../lib/api/kinds.ts'
import type { IPClaim, Port, Subnet } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForGone, waitForObject, waitForReady } from '../harness/wait.ts'

let project: Project
let subnet: Subnet
beforeAll(async () => {
  project = await Project.create('claims', { withImage: false })
  await project.createNetwork('net', '10.72.0.0/24')
  subnet = await project.test.client.get<Subnet>(SUBNET, project.at('net'))
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const nameOf = (first: string) => `${subnet.metadata.uid}-${first.replaceAll('.', '-')}`
const listClaims = () => project.test.client.list<IPClaim>(IP_CLAIM, { namespace: project.namespace })
const entry = (address: string, name: string) => ({ address, portRef: { name, namespace: project.namespace } })
const addressOf = (port: Port) => port.status?.fixedIPs?.[0]?.ipAddress ?? ''
const addressesIn = (block: IPClaim | undefined) => block?.spec.claims.map((e) => e.address)

test('the name is made of subnet and block, so that an address is given once; with its last address the block goes', async () => {
  const { client } = project.test
  for (const name of ['a', 'b']) await project.create(PORT, draft.port(project.at(name), 'net'))
  const [a, b] = await Promise.all(['a', 'b'].map((name) => waitForReady<Port>(client, PORT, project.at(name))))
  const [claim, ...others] = await listClaims()
  expect(others).toEqual([])
  expect(claim?.metadata.name).toBe(nameOf('10.72.0.0'))
  expect(claim?.metadata.ownerReferences).toBeUndefined()
  expect(claim?.spec).toMatchObject({ block: '10.72.0.0/28', subnetRef: { name: 'net', uid: subnet.metadata.uid } })
  expect(claim?.spec.claims).toHaveLength(2)
  for (const port of [a!, b!]) {
    const { uid } = port.metadata
    const held = { address: addressOf(port), portRef: { name: port.metadata.name, namespace: project.namespace, uid } }
    expect(claim?.spec.claims).toContainEqual(held)
  }
  const patch = (spec: object) => project.patch(IP_CLAIM, nameOf('10.72.0.0'), { spec })
  await expect(patch({ block: '10.72.0.16/28' })).rejects.toThrow('block cannot change')
  await expect(patch({ claims: [entry('10.72.0.16', 'a')] })).rejects.toThrow('an address lies outside of block')

  await project.remove(PORT, 'a')
  expect((await listClaims()).map(addressesIn)).toEqual([[addressOf(b!)]])
  await project.remove(PORT, 'b')
  expect(await listClaims()).toEqual([])
}, 60_000)

test('a claim that a crash left for no port goes, and its neighbour stays; one whose port is there is taken up', async () => {
  const { client } = project.test
  const fixed = (ipAddress: string) => ({ fixedIPs: [{ subnetRef: { name: 'net' }, ipAddress }] })
  await project.create(PORT, draft.port(project.at('lives'), 'net', fixed('10.72.0.50')))
  await waitForReady<Port>(client, PORT, project.at('lives'))
  const block = project.at(nameOf('10.72.0.48'))
  const { spec } = await client.get<IPClaim>(IP_CLAIM, block)
  await project.patch(IP_CLAIM, block.name, { spec: { claims: [...spec.claims, entry('10.72.0.51', 'nobody')] } })
  const isClean = (c: IPClaim | undefined) => addressesIn(c)?.join() === '10.72.0.50'
  await waitForObject<IPClaim>(client, IP_CLAIM, block, isClean, { what: 'without the claim of nobody' })

  const whole = nameOf('10.72.0.96')
  await client.create(IP_CLAIM, {
    apiVersion: 'nephele.dev/v1alpha1',
    kind: 'IPClaim',
    metadata: { name: whole, namespace: project.namespace },
    spec: { subnetRef: spec.subnetRef, block: '10.72.0.96/28', claims: [entry('10.72.0.99', 'nobody')] },
  })
  await waitForGone(client, IP_CLAIM, project.at(whole))

  await project.create(PORT, draft.port(project.at('takes'), 'net', fixed('10.72.0.99')))
  const port = await waitForReady<Port>(client, PORT, project.at('takes'))
  expect(addressOf(port)).toBe('10.72.0.99')
}, 60_000)

test('a block that is deleted by hand comes back with the addresses that its Ports have', async () => {
  const { client } = project.test
  const block = project.at(nameOf('10.72.0.48'))
  const before = await client.get<IPClaim>(IP_CLAIM, block)
  await client.remove(IP_CLAIM, block)
  const isBack = (c: IPClaim | undefined) => c !== undefined && c.metadata.uid !== before.metadata.uid
  const after = await waitForObject<IPClaim>(client, IP_CLAIM, block, isBack, { what: 'made anew' })
  expect(after?.spec).toEqual(before.spec)
}, 60_000)
