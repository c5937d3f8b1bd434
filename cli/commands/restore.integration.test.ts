// SPDX-License-Identifier: Apache-2.0
// A backup of one real apiserver is restored on another, whose operator is played by the test: it looks at the Cloud, makes ComputeNodes of
// nodes that join, and claims addresses that specs ask for.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  CLOUD,
  COMPUTE_NODE,
  FLAVOR,
  IMAGE,
  INSTANCE,
  IP_CLAIM,
  LOAD_BALANCER,
  NAMESPACE,
  NETWORK,
  PORT,
  ROUTER,
  SECRET,
  SUBNET,
  VOLUME,
} from '../../lib/api/kinds.ts'
import { requestOf } from '../../lib/api/match-interfaces.ts'
import type { Cloud, ComputeNode, Instance, IPClaim, Port, Router } from '../../lib/api/types.ts'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import type { NewObject } from '../../lib/kube/client.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import { startControlPlane, type ControlPlane } from '../../local/control-plane/start.ts'
import type { Context } from '../command-line/command.ts'
import { backup } from './backup.ts'
import { restore } from './restore.ts'

const LAN = { networkRef: { name: 'lan' } }
const MAC = 'fa:16:3e:00:00:0a'
const CONDITIONS = ['Ready', 'OrphansListed'].map((type) => ({
  ...{ type, status: 'True' as const, reason: 'Done', message: 'done', lastTransitionTime: '2026-01-01T00:00:00Z' },
}))
const at = (name: string) => ({ namespace: 'team', name })

const planes: ControlPlane[] = []
const clients: HttpKubeClient[] = []
let folder: string
let archive: string
let said: string[] = []

async function startCluster(): Promise<HttpKubeClient> {
  const plane = await startControlPlane({ controllerManager: false })
  planes.push(plane)
  await plane.kubectl(['apply', '-f', join(import.meta.dirname, '..', '..', 'crds')], { timeoutMs: 60_000 })
  await plane.kubectl(['wait', '--for=condition=Established', 'crd', '-l', 'app.kubernetes.io/part-of=nephele'])
  const client = new HttpKubeClient(loadKubeConfig(plane.kubeconfigPath))
  clients.push(client)
  return client
}

const context = (client: HttpKubeClient, over: Partial<Context> = {}): Context => ({
  ...{ client, kubectl: async () => '', namespace: 'default', isEverywhere: false, output: 'table', waits: true },
  ...{ timeoutMs: 3000, isHard: false, isForced: false, isWeb: false, snapshot: {}, readHidden: async () => [] },
  ...{ restore: { isDryRun: false, lostNodes: [] }, now: new Date(), signal: AbortSignal.timeout(60_000) },
  ...{ progress: () => undefined, print: (line) => void said.push(line), ...over },
})

async function run(client: HttpKubeClient, over: Partial<Context> = {}): Promise<number> {
  said = []
  return restore.run(context(client, over), [archive], [])
}

async function put<T extends KubeObject>(
  client: HttpKubeClient,
  kind: ResourceKind,
  object: object,
  status?: object,
): Promise<T> {
  const made = await client.create<KubeObject>(kind, object as never)
  return (status === undefined ? made : await client.updateStatus(kind, { ...made, status })) as T
}

/** As an operator does it for a node that joined. */
const joins = (client: HttpKubeClient, name: string, status: object = {}) =>
  put<ComputeNode>(client, COMPUTE_NODE, { metadata: { name }, spec: {} }, { conditions: CONDITIONS, ...status })

/** The block of 16 addresses that one is in, with it alone. */
function claimOf(namespace: string, subnet: string, entry: { address: string }) {
  const parts = entry.address.split('.').map(Number)
  const first = parts.with(3, (parts[3] ?? 0) & 0xf0)
  return {
    metadata: { namespace, name: `${subnet}-${first.join('-')}` },
    spec: { subnetRef: { name: subnet, uid: subnet }, block: `${first.join('.')}/28`, claims: [entry] },
  } as NewObject<IPClaim>
}

/** Claims, until it is ended, what Ports, Instances and Routers ask for. */
function playOperator(client: HttpKubeClient): () => Promise<void> {
  let isOver = false
  const claimed = new Set<string>()
  const claim = async (namespace: string, subnet: string, address: string, holder: object) => {
    if (claimed.has(address)) return
    claimed.add(address)
    await client.create<IPClaim>(IP_CLAIM, claimOf(namespace, subnet, { address, ...holder }))
  }
  const loop = (async () => {
    while (!isOver) {
      for (const { metadata, spec } of await client.list<Port>(PORT))
        for (const { subnetRef, ipAddress } of spec.fixedIPs ?? [])
          await claim('team', subnetRef.name, ipAddress ?? '', { portRef: { namespace: 'team', name: metadata.name } })
      for (const { metadata, spec } of await client.list<Instance>(INSTANCE))
        for (const { subnetRef, ipAddress } of spec.networks ?? [])
          if (ipAddress !== undefined)
            await claim('team', subnetRef?.name ?? '', ipAddress, {
              portRef: { namespace: 'team', name: `${metadata.name}-0` },
              instanceUid: metadata.uid,
            })
      for (const { metadata, spec } of await client.list<Router>(ROUTER))
        for (const { subnetRef, ipAddress } of spec.externalGateway?.fixedIPs ?? [])
          await claim('infra', subnetRef.name, ipAddress ?? '', {
            ownerRef: { kind: 'Router', namespace: 'team', name: metadata.name, uid: metadata.uid },
          })
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  })()
  return async () => {
    isOver = true
    await loop
  }
}

let before: Instance
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nephele-restore-test-'))
  archive = join(folder, 'b.tar.gz')
  const client = await startCluster()
  for (const name of ['team', 'infra'])
    await client.create(NAMESPACE, {
      metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } },
    })
  await client.create(FLAVOR, {
    metadata: { name: 'small' },
    spec: { vcpus: 1, memoryMiB: 64, rootDiskGiB: 1 },
  })
  await put(client, NETWORK, { metadata: at('lan'), spec: {} })
  await put(client, NETWORK, { metadata: { namespace: 'infra', name: 'public' }, spec: { external: true } })
  await put(client, SUBNET, { metadata: at('v4'), spec: { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' } })
  const secret = { metadata: { ...at('told'), labels: { 'nephele.dev/user-data': 'true', 'their/label': 'x' } } }
  await put(client, SECRET, { ...secret, data: { userData: 'eA==' } })
  before = await client.create<Instance>(INSTANCE, {
    metadata: at('vm'),
    spec: {
      ...{ flavorRef: { name: 'small' }, imageRef: { name: 'i' }, networks: [LAN] },
      ...{ userDataSecretRef: { name: 'told' }, volumes: [{ volumeRef: { name: 'data' } }] },
    },
  })
  const { uid } = await put(
    client,
    PORT,
    { metadata: at('vm-0-x'), spec: { networkRef: { name: 'lan' } } },
    { origin: 'Instance', macAddress: MAC, fixedIPs: [{ subnet: 'v4', ipAddress: '10.0.0.10', prefixLength: 24 }] },
  ).then(({ metadata }) => metadata)
  const interfaces = [{ slot: 0, port: 'vm-0-x', portUID: uid, request: requestOf(LAN) }]
  await client.updateStatus<Instance>(INSTANCE, { ...before, status: { node: 'c1', epoch: 2, interfaces } })
  await put(client, VOLUME, { metadata: at('data'), spec: { sizeGiB: 1 } }, { node: 's1', pool: 'p', epoch: 1 })
  await put(client, PORT, { metadata: at('new'), spec: { networkRef: { name: 'lan' } } })
  await put(
    client,
    ROUTER,
    { metadata: at('r'), spec: { externalGateway: { networkRef: { namespace: 'infra', name: 'public' } } } },
    {
      externalGateway: {
        ...{ network: 'infra/public', networkUID: 'x' },
        fixedIPs: [{ subnet: 'pub', subnetUID: 'x', ipAddress: '203.0.113.9', prefixLength: 24 }],
      },
    },
  )
  const source = { snapshot: { instanceActionRef: { name: 'a' }, imageStoreRef: { name: 's' } } }
  const labels = { 'app.kubernetes.io/managed-by': 'nephele', mine: 'x' }
  await put(
    client,
    IMAGE,
    { metadata: { ...at('snap'), labels }, spec: { source, format: 'qcow2' } },
    { state: 'active' },
  )
  expect(await backup.run(context(client), [archive], [])).toBe(0)
}, 180_000)
afterAll(async () => {
  for (const client of clients) await client.close()
  for (const plane of planes) await plane.stop()
  rmSync(folder, { recursive: true })
}, 60_000)

test('on another cluster: nothing that a node may have, addresses before anybody is given one, then all of it', async () => {
  const client = await startCluster()
  await expect(run(client)).rejects.toThrow('install Nephele first')
  const cloud = await put<Cloud>(client, CLOUD, { metadata: { name: 'default' }, spec: {} }, { observedGeneration: 1 })
  const [ready] = CONDITIONS
  const held = await client.updateStatus<Cloud>(CLOUD, {
    ...cloud,
    status: { observedGeneration: 1, conditions: [{ ...ready!, type: 'ControlPlaneRegressed' }] },
  })
  await expect(run(client)).rejects.toThrow('raise spec.incarnation')
  await client.updateStatus<Cloud>(CLOUD, { ...held, status: { observedGeneration: 1 } })

  // Nobody has joined; nothing is written, whatever is asked.
  expect(await run(client, { restore: { isDryRun: true, lostNodes: [] } })).toBe(1)
  expect(said).toContain('to be made: 9; nothing was')
  expect(said.join('\n')).toContain('withheld: Instance team/vm: what node c1 has is not known: it has not joined')
  expect(await client.find(NAMESPACE, { name: 'team' })).toBeUndefined()

  // Its node joins and has the machine; the one of the volume is away.
  await joins(client, 'c1', {
    orphans: [{ kind: 'instance', uid: before.metadata.uid, what: 'a machine' }],
  })
  const end = playOperator(client)
  try {
    expect(await run(client)).toBe(1)
    expect(said.join('\n')).toContain(`withheld: Instance team/vm: node c1 has it (UID ${before.metadata.uid}`)
    expect(said.join('\n')).toContain('withheld: Volume team/data: what node s1 has is not known')
    // Its address might be given to whoever asks for any.
    expect(await client.find(PORT, at('new'))).toBeUndefined()
    expect(await client.list(INSTANCE)).toEqual([])
    expect(await client.list(VOLUME)).toEqual([])
    expect((await client.get(NAMESPACE, { name: 'team' })).metadata.labels).toEqual({
      'kubernetes.io/metadata.name': 'team',
    })
    expect((await client.find(IMAGE, at('snap')))?.metadata.labels).toEqual({ mine: 'x' })
    const router = await client.get<Router>(ROUTER, at('r'))
    expect(router.spec.externalGateway?.fixedIPs).toEqual([{ subnetRef: { name: 'pub' }, ipAddress: '203.0.113.9' }])

    // Force passes addresses, and no node's word.
    await expect(run(client, { restore: { isDryRun: false, lostNodes: ['c1'] } })).rejects.toThrow('it has joined')
    await expect(run(client, { restore: { isDryRun: false, lostNodes: ['x'] } })).rejects.toThrow('no such node')
    expect(await run(client, { isForced: true })).toBe(1)
    expect(await client.find(PORT, at('new'))).toBeDefined()
    expect([await client.list(INSTANCE), await client.list(VOLUME)]).toEqual([[], []])
    await client.remove(PORT, at('new'))

    // Its node has let go, the other one is gone for good.
    const node = await client.get<ComputeNode>(COMPUTE_NODE, { name: 'c1' })
    await client.updateStatus<ComputeNode>(COMPUTE_NODE, { ...node, status: { conditions: CONDITIONS } })
    expect(await run(client, { restore: { isDryRun: false, lostNodes: ['s1'] } })).toBe(0)
    const after = await client.get<Instance>(INSTANCE, at('vm'))
    expect(after.metadata.uid).not.toBe(before.metadata.uid)
    expect(after.spec).toEqual({
      ...before.spec,
      networks: [{ ...LAN, subnetRef: { name: 'v4' }, ipAddress: '10.0.0.10', macAddress: MAC }],
    })
    expect(after.status?.node).toBeUndefined()
    expect(await client.find(PORT, at('new'))).toBeDefined()
    expect(await client.find(PORT, at('vm-0-x'))).toBeUndefined()
    const secret = await client.get<KubeObject & { data: object }>(SECRET, at('told'))
    expect([secret.metadata.labels, secret.data]).toEqual([{ 'nephele.dev/user-data': 'true' }, { userData: 'eA==' }])
    expect(await client.list(LOAD_BALANCER)).toEqual([])

    // Once more: all is there.
    expect(await run(client, { restore: { isDryRun: false, lostNodes: ['s1'] } })).toBe(0)
    expect(said.at(-1)).toBe('made: 0')
  } finally {
    await end()
  }
}, 120_000)

test('an address that another has, or that nobody takes, is told, and nobody is given any', async () => {
  const client = await startCluster()
  await put(client, CLOUD, { metadata: { name: 'default' }, spec: {} }, { observedGeneration: 1 })
  await joins(client, 'c1')
  await client.create(NAMESPACE, { metadata: { name: 'team' } })
  const thief = { address: '10.0.0.10', portRef: { namespace: 'team', name: 'thief' } }
  await client.create<IPClaim>(IP_CLAIM, claimOf('team', 'v4', thief))
  expect(await run(client, { timeoutMs: 1000, restore: { isDryRun: false, lostNodes: ['s1'] } })).toBe(1)
  expect(said).toContain('not as it was: Instance team/vm: address 10.0.0.10 of Subnet team/v4: another has it')
  expect(said).toContain('not as it was: Router team/r: address 203.0.113.9 of Subnet infra/pub: not taken yet')
  expect(await client.find(PORT, at('new'))).toBeUndefined()
}, 60_000)
