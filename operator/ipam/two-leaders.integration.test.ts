// SPDX-License-Identifier: Apache-2.0
// Two leaders that both believe to lead, on a real apiserver: no address is ever handed out twice, whatever each of them has seen.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { join } from 'node:path'
import { IP_CLAIM } from '../../lib/api/kinds.ts'
import type { IPClaim } from '../../lib/api/types.ts'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import { startControlPlane, type ControlPlane } from '../../local/control-plane/start.ts'
import { AddressBook, type ClaimRecord, type ClaimStore, type ClaimSubnet } from './address-book.ts'
import { KubeClaimStore, toClaimRecord } from './claim-object.ts'
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
const claimsOf = async (uid: string) =>
  (await client.list<IPClaim>(IP_CLAIM, { namespace: 'default' })).filter((c) => c.spec.subnetRef.uid === uid)

test('two leaders at once, neither hearing of the other', async () => {
  const lan = subnet('5d0f5a36-0000-4000-8000-000000000001', '10.1.0.0/24')
  const leaders = [1, 2].map(() => new AddressBook(new KubeClaimStore(client)))
  const results = await Promise.all(
    Array.from({ length: 60 }, (_, i) => leaders[i % 2]!.claim(lan, { namespace: 'default', name: `p${i}` })),
  )
  const addresses = results.map((r) => (r.ok ? r.address : ''))
  expect(new Set(addresses).size).toBe(60)
  const stored = await claimsOf(lan.uid)
  expect(stored.map((c) => c.spec.address).sort()).toEqual([...addresses].sort())
}, 60_000)

/** A leader that is stopped (SIGSTOP) between its decision and its write. */
class PausedStore implements ClaimStore {
  readonly #inner: ClaimStore
  readonly #resume: Promise<unknown>
  readonly reached = Promise.withResolvers<ClaimRecord>()

  constructor(inner: ClaimStore, resume: Promise<unknown>) {
    this.#inner = inner
    this.#resume = resume
  }

  async create(claim: ClaimRecord): Promise<boolean> {
    this.reached.resolve(claim)
    await this.#resume
    return this.#inner.create(claim)
  }

  find(namespace: string, name: string): Promise<ClaimRecord | undefined> {
    return this.#inner.find(namespace, name)
  }
}

test('a leader paused before its write wakes up after the next one gave the address away', async () => {
  const lan = subnet('5d0f5a36-0000-4000-8000-000000000002', '10.2.0.0/24')
  const resume = Promise.withResolvers<undefined>()
  const paused = new PausedStore(new KubeClaimStore(client), resume.promise)
  const old = new AddressBook(paused).claim(lan, { namespace: 'default', name: 'old' })
  const wanted = await paused.reached.promise
  const young = await new AddressBook(new KubeClaimStore(client)).claim(lan, { namespace: 'default', name: 'young' })
  expect(young).toEqual({ ok: true, address: wanted.address })
  resume.resolve(undefined)
  const late = await old
  expect(late.ok && late.address).not.toBe(wanted.address)
  const byAddress = new Map((await claimsOf(lan.uid)).map((c) => [c.spec.address, c.spec.portRef?.name]))
  expect(byAddress.get(wanted.address)).toBe('young')
  expect(late.ok && byAddress.get(late.address)).toBe('old')
})

test('what is stored is what was claimed', async () => {
  const lan = subnet('5d0f5a36-0000-4000-8000-000000000003', 'fd00:3::/64')
  const holder = {
    namespace: 'default',
    name: 'p',
    uid: undefined,
    instanceUid: '5d0f5a36-0000-4000-8000-00000000000a',
  }
  await new AddressBook(new KubeClaimStore(client)).claim(lan, holder)
  const [claim] = await claimsOf(lan.uid)
  expect(toClaimRecord(claim!)).toMatchObject({
    address: 'fd00:3::2',
    subnetUid: lan.uid,
    holder: { name: 'p', instanceUid: holder.instanceUid },
  })
})
