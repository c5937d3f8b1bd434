// SPDX-License-Identifier: Apache-2.0
// Two leaders that both believe to lead, on a real apiserver: no address is ever handed out twice, whatever each of them has seen.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { join } from 'node:path'
import { IP_CLAIM } from '../../lib/api/kinds.ts'
import type { IPClaim } from '../../lib/api/types.ts'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import { startControlPlane, type ControlPlane } from '../../local/control-plane/start.ts'
import { AddressBook } from './address-book.ts'
import type { BlockRef, ClaimEntry, StoredBlock } from './claim-block.ts'
import { KubeClaimStore, toStoredBlock } from './claim-object.ts'
import type { ClaimSubnet } from './claim-order.ts'
import type { ClaimStore, Written } from './claim-store.ts'
import { planSubnet } from './subnet-plan.ts'

let plane: ControlPlane
let client: HttpKubeClient

beforeAll(async () => {
  plane = await startControlPlane({ controllerManager: false })
  client = new HttpKubeClient(loadKubeConfig(plane.kubeconfigPath))
  const crd = join(import.meta.dirname, '..', '..', 'crds', 'ipclaims.yaml')
  await plane.kubectl(['apply', '-f', crd])
  await plane.kubectl(['wait', '--for=condition=Established', 'crd/ipclaims.nephele.dev', '--timeout=30s'])
}, 60_000)

afterAll(async () => {
  await client.close()
  await plane.stop()
})

const subnet = (uid: string, cidr: string): ClaimSubnet => ({
  namespace: 'default',
  name: 'lan',
  uid,
  plan: planSubnet({ cidr }),
})
const blocksOf = async (uid: string) =>
  (await client.list<IPClaim>(IP_CLAIM, { namespace: 'default' })).filter((c) => c.spec.subnetRef.uid === uid)
/** Who has what, as it is stored; an address that stood in two places would be in the list twice. */
const claimsOf = async (uid: string) =>
  (await blocksOf(uid)).flatMap((c) => c.spec.claims.map((e) => `${e.address} ${e.portRef?.name}`)).sort()
const port = (name: string) => ({ namespace: 'default', name })
const book = () => new AddressBook(new KubeClaimStore(client))

test('two leaders at once, neither hearing of the other', async () => {
  const lan = subnet('5d0f5a36-0000-4000-8000-000000000001', '10.1.0.0/24')
  const leaders = [book(), book()]
  const results = await Promise.all(Array.from({ length: 60 }, (_, i) => leaders[i % 2]!.claim(lan, port(`p${i}`))))
  const answered = results.map((r, i) => `${r.ok ? r.address : ''} p${i}`)
  expect(new Set(results.map((r) => r.ok && r.address)).size).toBe(60)
  expect(await claimsOf(lan.uid)).toEqual(answered.sort())
}, 60_000)

test('one address that both are asked for goes to one of them, and the other is told by whom it is taken', async () => {
  const lan = subnet('5d0f5a36-0000-4000-8000-000000000002', '10.2.0.0/24')
  const results = await Promise.all(['one', 'two'].map((name) => book().claim(lan, port(name), '10.2.0.77')))
  expect(results.filter((r) => r.ok)).toEqual([{ ok: true, address: '10.2.0.77' }])
  const winner = results[0]!.ok ? 'one' : 'two'
  expect(results.find((r) => !r.ok)).toMatchObject({
    reason: 'AddressInUse',
    message: `address 10.2.0.77 of subnet lan is taken by Port default/${winner}`,
  })
  expect(await claimsOf(lan.uid)).toEqual([`10.2.0.77 ${winner}`])
})

/** A leader that is stopped (SIGSTOP) between its decision and its write. */
class PausedStore implements ClaimStore {
  readonly #inner = new KubeClaimStore(client)
  readonly #resume = Promise.withResolvers<undefined>()
  readonly reached = Promise.withResolvers<readonly ClaimEntry[]>()
  /** What the writes came to. */
  readonly outcomes: Written['kind'][] = []

  resume(): void {
    this.#resume.resolve(undefined)
  }

  async write(ref: BlockRef, base: StoredBlock | undefined, entries: readonly ClaimEntry[]): Promise<Written> {
    this.reached.resolve(entries)
    await this.#resume.promise
    const written = await this.#inner.write(ref, base, entries)
    this.outcomes.push(written.kind)
    return written
  }

  find(ref: BlockRef): Promise<StoredBlock | undefined> {
    return this.#inner.find(ref)
  }
}

test.each([
  ['makes the block', '5d0f5a36-0000-4000-8000-000000000003', false],
  ['changes it', '5d0f5a36-0000-4000-8000-000000000004', true],
])('a leader paused before it %s wakes up after the next one gave the address away', async (_, uid, isThere) => {
  const lan = subnet(uid, '10.3.0.0/24')
  if (isThere) await book().claim(lan, port('there'))
  const heard = (await blocksOf(uid)).map(toStoredBlock)
  const store = new PausedStore()
  const [paused, next] = [new AddressBook(store), book()]
  for (const block of heard) [paused, next].forEach((leader) => leader.observe(block))

  const old = paused.claim(lan, port('old'))
  const wanted = (await store.reached.promise).find((e) => e.portRef?.name === 'old')!.address
  expect(await next.claim(lan, port('young'))).toEqual({ ok: true, address: wanted })
  store.resume()
  const late = await old
  expect(store.outcomes[0]).toBe('conflict')
  expect(late.ok && late.address).not.toBe(wanted)
  const there = isThere ? ['10.3.0.2 there'] : []
  expect(await claimsOf(uid)).toEqual([...there, `${wanted} young`, `${late.ok ? late.address : ''} old`].sort())
})

test('a leader paused before it releases takes away nothing that was claimed since', async () => {
  const lan = subnet('5d0f5a36-0000-4000-8000-000000000005', '10.4.0.0/24')
  await book().claim(lan, port('going'))
  const heard = (await blocksOf(lan.uid)).map(toStoredBlock)
  const store = new PausedStore()
  const paused = new AddressBook(store)
  for (const block of heard) paused.observe(block)
  const release = paused.release(paused.listHeld(port('going')))
  expect(await store.reached.promise).toEqual([])
  const young = book()
  heard.forEach((block) => young.observe(block))
  await young.claim(lan, port('young'))
  store.resume()
  await release
  expect(store.outcomes).toEqual(['conflict', 'stored'])
  expect(await claimsOf(lan.uid)).toEqual(['10.4.0.3 young'])
})

test('a block that is gone, or was made anew, is not the one that was read', async () => {
  const lan = subnet('5d0f5a36-0000-4000-8000-000000000006', '10.5.0.0/24')
  const [one, two] = [book(), book()]
  await one.claim(lan, port('a'))
  const [block] = (await blocksOf(lan.uid)).map(toStoredBlock)
  two.observe(block!)
  await one.release(one.listHeld(port('a')))
  expect(await two.claim(lan, port('b'), '10.5.0.9')).toEqual({ ok: true, address: '10.5.0.9' })
  expect(await claimsOf(lan.uid)).toEqual(['10.5.0.9 b'])
  const store = new KubeClaimStore(client)
  expect(await store.write(block!, block, [])).toEqual({ kind: 'conflict' })
  expect(await store.write(block!, block, block!.entries)).toEqual({ kind: 'conflict' })
})

test('what is stored is what was claimed, and others’ labels stay', async () => {
  const lan = subnet('5d0f5a36-0000-4000-8000-000000000007', 'fd00:3::/64')
  const instanceUid = '5d0f5a36-0000-4000-8000-00000000000a'
  const leader = book()
  await leader.claim(lan, { ...port('p'), uid: undefined, instanceUid })
  const [first] = await blocksOf(lan.uid)
  const { name, namespace } = first!.metadata
  expect(first).toMatchObject({
    metadata: { name: `${lan.uid}-fd00-3--0`, labels: { 'app.kubernetes.io/managed-by': 'nephele' } },
    spec: {
      subnetRef: { name: 'lan', uid: lan.uid },
      block: 'fd00:3::/124',
      claims: [{ address: 'fd00:3::2', portRef: { namespace: 'default', name: 'p' }, instanceUid }],
    },
  })
  await client.mergePatch(IP_CLAIM, { name, namespace }, { metadata: { labels: { backup: 'daily' } } })
  await leader.claim(lan, { ...port('q'), uid: 'u-q' })
  const [second] = await blocksOf(lan.uid)
  expect(second?.metadata.labels).toEqual({ 'app.kubernetes.io/managed-by': 'nephele', backup: 'daily' })
  expect(second?.spec.claims[1]).toEqual({ address: 'fd00:3::3', portRef: { ...port('q'), uid: 'u-q' } })
})

test('a block with all its addresses stays far below 8 KiB as stored', async () => {
  const lan = subnet('5d0f5a36-0000-4000-8000-000000000008', 'fd00:4:5678:9abc::/64')
  const leader = book()
  // As long as names of automatic ports get with a machine's longest hostname, in the longest namespace.
  for (let i = 0; i < 16; i++) {
    const holder = { namespace: 'n'.repeat(63), name: `${'m'.repeat(63)}-0-${i}`, instanceUid: lan.uid }
    await leader.claim(lan, holder, `fd00:4:5678:9abc::${(0x10 + i).toString(16)}`)
  }
  const path = `/apis/nephele.dev/v1alpha1/namespaces/default/ipclaims/${lan.uid}-fd00-4-5678-9abc--10`
  const stored = JSON.parse(await plane.kubectl(['get', '--raw', path])) as { metadata: { managedFields: object } }
  expect(JSON.stringify(stored).length).toBeLessThan(6 * 1024)
  expect(JSON.stringify(stored.metadata.managedFields).length).toBeLessThan(512)
})
