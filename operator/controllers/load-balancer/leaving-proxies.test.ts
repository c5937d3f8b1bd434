// SPDX-License-Identifier: Apache-2.0
// Which nodes may still run a proxy is known to Kubernetes, whatever the bus forgets, and so is which addresses they have.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { LoadBalancer } from '../../../lib/api/types.ts'
import type { ObservedFacts } from '../../../lib/contract/documents.ts'
import { waitForHolders } from '../../kind/holders.ts'
import { balancerWorld, httpBalancer, LISTENER, type BalancerWorld } from '../../testing/balancer-world.ts'
import { keepReleases } from '../compute-node/releases.ts'

let w: BalancerWorld
const says = (one: LoadBalancer, node: string, facts: ObservedFacts) =>
  w.report('balancer', one, { node, epoch: one.status?.proxyEpoch ?? 0, state: 'active', facts })
beforeEach(async () => void (w = await balancerWorld()))

describe('a node that had a proxy', () => {
  const uid = 'uid-shop'
  const letGo = (one: LoadBalancer, node: string) =>
    w.report('balancer', one, { node, epoch: one.status?.proxyEpoch ?? 0, state: 'gone' })
  const isTold = (node: string) => w.bus.desired.find(node, 'balancer', uid)?.tombstone
  /** As another leader begins: it knows what is in Kubernetes, and a bus that lost everything. */
  const wipe = () => {
    w.bus.desired.wipe()
    for (const { node } of w.bus.observed.findAll('balancer', uid))
      w.bus.observed.forget({ kind: 'balancer', uid, node })
  }
  const held = () => OWNERS.flatMap((kind) => w.deps.addresses.listHeld({ kind, namespace: 'ns', name: 'shop', uid }))
  const OWNERS = ['ProxyAddress', 'FirstProxy', 'SecondProxy', 'ThirdProxy', 'FourthProxy'] as const
  let one: LoadBalancer
  let leaves: { node: string; ipAddress: string }
  beforeEach(async () => {
    for (const name of ['g1', 'g2']) w.addNode(name)
    one = httpBalancer(LISTENER)
    await w.step(one)
    const [first] = one.status?.proxies ?? []
    if (!first) throw new Error('it has no proxy')
    leaves = first
    for (const { node } of one.status?.proxies ?? []) says(one, node, { serving: true })
    w.addNode(leaves.node, { unschedulable: true })
    w.addNode('g3')
    expect(await w.step(one)).toEqual({ kind: 'done' })
  })

  test('keeps its address, which the next one does not get, until it lets go', async () => {
    const { proxies = [], pendingReleases } = one.status ?? {}
    expect(pendingReleases).toEqual([{ node: leaves.node, epoch: 1, ipAddress: leaves.ipAddress }])
    expect(proxies.map(({ node }) => node)).toContain('g3')
    expect(proxies.map(({ ipAddress }) => ipAddress)).not.toContain(leaves.ipAddress)
    expect(isTold(leaves.node)).toBe(true)
    expect(held()).toHaveLength(4)
    letGo(one, leaves.node)
    expect(await w.step(one)).toEqual({ kind: 'done' })
    expect(one.status).not.toHaveProperty('pendingReleases')
    await w.step(one)
    expect(held().map(({ entry }) => entry.address)).not.toContain(leaves.ipAddress)
    expect(held()).toHaveLength(3)
  })

  test('is told again by a leader whose bus lost everything, and so is one that is to have none any more', async () => {
    wipe()
    await w.step(one)
    expect(isTold(leaves.node)).toBe(true)
    expect(one.status?.pendingReleases).toHaveLength(1)
    one.spec.listeners = [{ name: 'web', protocol: 'tcp', port: 80 }]
    expect(await w.step(one)).toMatchObject({ reason: 'Releasing' })
    wipe()
    expect(await w.step(one)).toMatchObject({ reason: 'Releasing' })
    const nodes = (one.status?.pendingReleases ?? []).map(({ node }) => node)
    expect(nodes.sort()).toEqual(['g1', 'g2', 'g3'])
    expect([...nodes.map(isTold), held().length]).toEqual([true, true, true, 4])
    for (const node of nodes) letGo(one, node)
    await w.step(one)
    expect([one.status?.pendingReleases, one.status?.proxyAddress, held()]).toEqual([undefined, undefined, []])
  })

  test('is waited for when it is silent, until somebody gives it up; its ComputeNode keeps what it has to let go', async () => {
    one.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
    Object.assign(w.bus.heartbeats, { pulse: (node: string) => (node === leaves.node ? 'silent' : 'up') })
    for (const node of ['g1', 'g2', 'g3']) if (node !== leaves.node) letGo(one, node)
    await w.step(one)
    for (const node of ['g1', 'g2', 'g3']) if (node !== leaves.node) letGo(one, node)
    expect(await w.step(one)).toMatchObject({ reason: 'NodeSilent', message: expect.stringContaining('spec.lost') })
    expect(one.status?.pendingReleases?.map(({ node }) => node)).toEqual([leaves.node])
    w.addNode(leaves.node, { lost: 'Confirmed' })
    expect(await w.step(one)).toMatchObject({ reason: 'Releasing' })
    const node = w.deps.caches.computeNodes.find(undefined, leaves.node)
    expect(node && (await keepReleases(node, w.deps))).toBe(true)
    expect(await w.step(one)).toEqual({ kind: 'released' })
  })

  test('holds its ComputeNode, as do those that run one', () => {
    for (const name of ['g1', 'g2', 'g3']) {
      const node = w.deps.caches.computeNodes.find(undefined, name)
      expect(node && waitForHolders('computeNodes', node, w.deps.caches)).toMatchObject({ reason: 'InUse' })
    }
  })

  test('and is wanted again before it let go has the same address, by a newer epoch', async () => {
    w.addNode(leaves.node)
    w.addNode('g3', { lost: 'Confirmed' })
    await w.step(one)
    expect(one.status?.proxies?.find(({ node }) => node === leaves.node)?.ipAddress).toBe(leaves.ipAddress)
    expect(one.status?.pendingReleases?.map(({ node }) => node)).toEqual(['g3'])
    expect(isTold(leaves.node)).toBe(false)
  })

  test('by the bus alone, since the status was restored without it, lets go as well', async () => {
    Reflect.deleteProperty(one.status ?? {}, 'pendingReleases')
    w.bus.desired.wipe()
    says(one, leaves.node, { serving: true })
    await w.step(one)
    expect(one.status?.pendingReleases?.map(({ node }) => node)).toEqual([leaves.node])
    expect(isTold(leaves.node)).toBe(true)
  })
})

test('a node that goes and that no other can replace lets go, too', async () => {
  w.addNode('g1')
  const one = httpBalancer(LISTENER)
  await w.step(one)
  const going = w.deps.caches.computeNodes.find(undefined, 'g1')
  if (going) going.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
  expect(await w.step(one)).toMatchObject({ reason: 'NoGatewayNode' })
  expect(one.status?.proxies).toBeUndefined()
  expect([...w.network.rows.of('ServicePort')]).toEqual([])
  expect(w.bus.desired.find('g1', 'balancer', 'uid-shop')?.tombstone).toBe(true)
})
