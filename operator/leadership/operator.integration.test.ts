// SPDX-License-Identifier: Apache-2.0
// The whole operator on a real etcd, kube-apiserver and NATS; agents are real but for their roles, which are fake.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import * as kinds from '../../lib/api/kinds.ts'
import type { Cloud, ComputeNode, Instance, IPClaim, Lease, Network, Port, Volume } from '../../lib/api/types.ts'
import { isConditionTrue } from '../../lib/conditions.ts'
import { until } from '../../lib/time/until.ts'
import {
  applyProject,
  at,
  createMachine,
  ensureNodes,
  isGone,
  isReady,
  PROJECT,
  removeAndWait,
  untilFurnished,
} from '../testing/furnish.ts'
import type { RunningOperator } from '../testing/test-cloud.ts'
import { TestCloud } from '../testing/test-cloud.ts'

const NODES = {
  net: { 'nephele.dev/storage': 'true', 'nephele.dev/image': 'true' },
  c1: { 'nephele.dev/compute': 'fake', 'topology.kubernetes.io/zone': 'z1' },
  c2: { 'nephele.dev/compute': 'fake', 'topology.kubernetes.io/zone': 'z2' },
}

let cloud: TestCloud
let operator: RunningOperator

beforeAll(async () => {
  cloud = await TestCloud.start()
  operator = await cloud.startOperator()
  await ensureNodes(cloud, NODES)
  await cloud.create(kinds.STORAGE_POOL, { metadata: { name: 'files' }, spec: { driver: 'file' } })
  await cloud.create(kinds.VOLUME_TYPE, {
    metadata: { name: 'standard' },
    spec: { storagePoolRef: { name: 'files' }, default: true },
  })
  await applyProject(cloud)
  await untilFurnished(cloud)
}, 120_000)

afterAll(() => cloud.stop(), 60_000)

async function portOf(machine: string): Promise<Port> {
  const ports = await cloud.client.list<Port>(kinds.PORT, { namespace: PROJECT })
  return ports.find((port) => port.metadata.name.startsWith(`${machine}-`))!
}

describe('a machine', () => {
  // Calm throughout: also the machine that stands beside the one that is counted must not write for what its node says late.
  const calmly = (run: () => Promise<void>) => () => cloud.whileCalm(run)

  test(
    'create-minimal: from apply to ACTIVE with an address, and away without a trace',
    calmly(async () => {
      await warmUp()
      const { machine, port, created, deleted } = await countLife('one', CREATE_WRITES.length + 1)
      const { metadata, status } = machine
      expect(created).toEqual([...CREATE_WRITES, FINALIZER_WRITE].sort())
      expect(status).toMatchObject({ state: 'ACTIVE', epoch: 1, flavor: { vcpus: 1, memoryMiB: 64, rootDiskGiB: 1 } })
      expect(status?.addresses).toEqual([
        expect.objectContaining({ network: 'lan', ipAddress: expect.stringMatching(/^10\.9\.0\./) }),
      ])
      expect(deleted).toEqual(DELETE_WRITES)
      const node = cloud.nodes.get(status!.node!)!
      expect(node.instances.has(metadata.uid)).toBe(false)
      expect(node.ports.has(port.metadata.uid)).toBe(false)
      expect(cloud.rows.of('Port').has(port.metadata.uid)).toBe(false)
      await removeAndWait(cloud, kinds.INSTANCE, 'warm')
      expect(await cloud.client.list<IPClaim>(kinds.IP_CLAIM)).toEqual([])
    }),
    60_000,
  )

  test(
    'held from the start: one write less, however slow its host is',
    calmly(async () => {
      await cloud.holdFromTheStart()
      await warmUp()
      for (const slowMs of [0, 600]) {
        const { created, deleted } = await countLife(`slow-${slowMs}`, CREATE_WRITES.length, slowMs)
        expect({ slowMs, created }).toEqual({ slowMs, created: CREATE_WRITES })
        expect({ slowMs, deleted }).toEqual({ slowMs, deleted: DELETE_WRITES })
      }
      await removeAndWait(cloud, kinds.INSTANCE, 'warm')
    }),
    60_000,
  )

  test('update: stop and start, and a second machine on the other node', async () => {
    await createMachine(cloud, 'a')
    await createMachine(cloud, 'b')
    const [a, b] = await Promise.all(['a', 'b'].map((name) => cloud.until<Instance>(kinds.INSTANCE, at(name), isReady)))
    expect(a!.status?.node).not.toBe(b!.status?.node)
    await cloud.client.mergePatch(kinds.INSTANCE, at('a'), { spec: { runState: 'Stopped' } })
    await cloud.until<Instance>(kinds.INSTANCE, at('a'), (i) => i?.status?.state === 'SHUTOFF' && isReady(i))
    await cloud.client.mergePatch(kinds.INSTANCE, at('a'), { spec: { runState: 'Running' } })
    await cloud.until<Instance>(kinds.INSTANCE, at('a'), (i) => i?.status?.state === 'ACTIVE' && isReady(i))
    await removeAndWait(cloud, kinds.INSTANCE, 'a')
    await removeAndWait(cloud, kinds.INSTANCE, 'b')
  }, 60_000)

  test('dependency: waits for each missing object by name, and goes on when it appears', async () => {
    await createMachine(cloud, 'dep', { flavorRef: { name: 'absent' }, networks: [{ networkRef: { name: 'later' } }] })
    const says = (text: string) => (i: Instance | undefined) =>
      i?.status?.conditions?.some((c) => c.type === 'Ready' && c.message.includes(text)) === true &&
      isConditionTrue(i.status.conditions, 'Reconciling')
    await cloud.until(kinds.INSTANCE, at('dep'), says('Flavor absent'))
    await cloud.create(kinds.FLAVOR, {
      metadata: { name: 'absent' },
      spec: { vcpus: 1, memoryMiB: 64, rootDiskGiB: 1 },
    })
    await cloud.until(kinds.INSTANCE, at('dep'), says('Network team/later'))
    await cloud.create(kinds.NETWORK, { metadata: at('later'), spec: {} })
    await cloud.until(kinds.INSTANCE, at('dep'), says('has no Subnet'))
    await cloud.create(kinds.SUBNET, {
      metadata: at('later-v4'),
      spec: { networkRef: { name: 'later' }, cidr: '10.8.0.0/24' },
    })
    await cloud.until(kinds.INSTANCE, at('dep'), isReady)
    await cloud.client.remove(kinds.NETWORK, at('later'))
    await cloud.until<Network>(
      kinds.NETWORK,
      at('later'),
      (n) =>
        n?.status?.conditions?.some((c) => c.reason === 'InUse' && c.message.includes('Port team/dep-0-')) === true,
    )
    await removeAndWait(cloud, kinds.INSTANCE, 'dep')
    await removeAndWait(cloud, kinds.SUBNET, 'later-v4')
    await cloud.until(kinds.NETWORK, at('later'), isGone)
  }, 60_000)

  test('refused: a node without room is excluded, the next one takes it under the next epoch', async () => {
    const c1 = cloud.nodes.get('c1')!
    c1.isFull = true
    await createMachine(cloud, 'r', { availabilityZone: undefined })
    await createMachine(cloud, 's')
    const all = await Promise.all(['r', 's'].map((name) => cloud.until<Instance>(kinds.INSTANCE, at(name), isReady)))
    expect(all.map((i) => i!.status?.node)).toEqual(['c2', 'c2'])
    expect(Math.max(...all.map((i) => i!.status!.epoch!))).toBe(2)
    // The machine goes on elsewhere once its node has let it go; the Port's document leaves by its own controller.
    await until(() => c1.isEmpty, 'nothing on c1', 20_000)
    c1.isFull = false
    await removeAndWait(cloud, kinds.INSTANCE, 'r')
    await removeAndWait(cloud, kinds.INSTANCE, 's')
  }, 60_000)

  test('volume: attached to one, kept over a stop, given to the next only when it is out', async () => {
    await cloud.create(kinds.VOLUME, { metadata: at('data'), spec: { sizeGiB: 1 } })
    await createMachine(cloud, 'v1', { volumes: [{ volumeRef: { name: 'data' } }] })
    const v1 = (await cloud.until<Instance>(kinds.INSTANCE, at('v1'), isReady))!
    const volume = (await cloud.until<Volume>(
      kinds.VOLUME,
      at('data'),
      (v) => v?.status?.state === 'in-use' && isReady(v),
    ))!
    expect(volume.status?.attachedTo).toEqual({ name: 'v1', uid: v1.metadata.uid, node: v1.status!.node })
    await createMachine(cloud, 'v2', { volumes: [{ volumeRef: { name: 'data' } }] })
    await cloud.until<Instance>(
      kinds.INSTANCE,
      at('v2'),
      (i) => i?.status?.conditions?.some((c) => c.reason === 'VolumeInUse') === true,
    )
    await cloud.client.mergePatch(kinds.INSTANCE, at('v1'), { spec: { volumes: [] } })
    const v2 = (await cloud.until<Instance>(kinds.INSTANCE, at('v2'), isReady))!
    const given = (await cloud.until<Volume>(kinds.VOLUME, at('data'), (v) => v?.status?.attachedTo?.name === 'v2'))!
    expect(given.status?.attachedTo).toEqual({ name: 'v2', uid: v2.metadata.uid, node: v2.status!.node })
    expect(given.status!.epoch).toBeGreaterThan(volume.status!.epoch!)
    await cloud.client.remove(kinds.VOLUME, at('data'))
    await cloud.until<Volume>(
      kinds.VOLUME,
      at('data'),
      (v) => v?.status?.conditions?.some((c) => c.reason === 'InUse' && c.message.includes('Instance v2')) === true,
    )
    await removeAndWait(cloud, kinds.INSTANCE, 'v1')
    await removeAndWait(cloud, kinds.INSTANCE, 'v2')
    await cloud.until(kinds.VOLUME, at('data'), isGone)
    expect(cloud.nodes.get('net')!.volumes.size).toBe(0)
  }, 60_000)
})

describe('nodes', () => {
  test('node-lost: deletion names the way out, and a returning node is cleared', async () => {
    await createMachine(cloud, 'l', { availabilityZone: 'z2' })
    const l = (await cloud.until<Instance>(kinds.INSTANCE, at('l'), isReady))!
    const node = cloud.nodes.get('c2')!
    await cloud.stopAgent('c2')
    await cloud.until<ComputeNode>(kinds.COMPUTE_NODE, { name: 'c2' }, (n) => n?.status?.state === 'down')
    await cloud.client.remove(kinds.INSTANCE, at('l'))
    const says = (i: Instance | undefined) =>
      i?.status?.conditions?.some((c) => c.reason === 'NodeSilent' && c.message.includes('spec.lost: Confirmed')) ===
      true
    await cloud.until<Instance>(kinds.INSTANCE, at('l'), says)
    await cloud.client.mergePatch(kinds.COMPUTE_NODE, { name: 'c2' }, { spec: { lost: 'Confirmed' } })
    await cloud.until(kinds.INSTANCE, at('l'), isGone)
    const lost = await cloud.client.get<ComputeNode>(kinds.COMPUTE_NODE, { name: 'c2' })
    expect(lost.status?.releases?.map((r) => r.uid)).toContain(l.metadata.uid)
    expect(node.instances.size).toBe(1)
    await cloud.client.mergePatch(kinds.COMPUTE_NODE, { name: 'c2' }, { spec: { lost: null } })
    await cloud.startAgent('c2')
    await cloud.until<ComputeNode>(
      kinds.COMPUTE_NODE,
      { name: 'c2' },
      (n) => isReady(n) && n?.status?.releases === undefined,
    )
    expect(node.isEmpty).toBe(true)
  }, 60_000)

  test('host reboot: machines come back by a grant for the new boot', async () => {
    await createMachine(cloud, 'g', { availabilityZone: 'z1', evacuation: 'WhenFenced' })
    const g = (await cloud.until<Instance>(kinds.INSTANCE, at('g'), isReady))!
    const node = cloud.nodes.get('c1')!
    await cloud.stopAgent('c1')
    node.bootId = 'boot-0002'
    node.instances.clear()
    node.ports.clear()
    await cloud.startAgent('c1')
    await cloud.until<ComputeNode>(
      kinds.COMPUTE_NODE,
      { name: 'c1' },
      (n) => n?.status?.inventory?.bootID === 'boot-0002',
    )
    await cloud.until<Instance>(kinds.INSTANCE, at('g'), () => node.instances.get(g.metadata.uid)?.state === 'running')
    await cloud.until<Instance>(kinds.INSTANCE, at('g'), isReady)
    await removeAndWait(cloud, kinds.INSTANCE, 'g')
  }, 60_000)

  test('an emptied bus is filled again and changes nothing', async () => {
    await createMachine(cloud, 'w')
    const w = (await cloud.until<Instance>(kinds.INSTANCE, at('w'), isReady))!
    const node = cloud.nodes.get(w.status!.node!)!
    const boots = node.instances.get(w.metadata.uid)!.boots
    await cloud.nats.wipe()
    await cloud.client.mergePatch(kinds.INSTANCE, at('w'), { spec: { metadata: { after: 'wipe' } } })
    await cloud.until<Instance>(
      kinds.INSTANCE,
      at('w'),
      (i) => isReady(i) && i?.status?.observedGeneration === i?.metadata.generation,
      60_000,
    )
    await cloud.until(
      kinds.INSTANCE,
      at('w'),
      () => node.instances.get(w.metadata.uid)?.document.spec.metadata['after'] === 'wipe',
    )
    expect(node.instances.get(w.metadata.uid)!.boots).toBe(boots)
    await removeAndWait(cloud, kinds.INSTANCE, 'w')
  }, 90_000)
})

describe('what an administrator may delete by mistake', () => {
  const CLOUD = { name: kinds.CLOUD_NAME }
  const LEASE = { namespace: 'nephele-system', name: 'nephele-operator' }
  const isOk = (c: Cloud | undefined) => c?.status?.state === 'OK'

  test('the Cloud: it comes back in its incarnation', async () => {
    const before = (await cloud.until<Cloud>(kinds.CLOUD, CLOUD, isOk))!
    await cloud.client.remove(kinds.CLOUD, CLOUD)
    const again = await cloud.until<Cloud>(
      kinds.CLOUD,
      CLOUD,
      (c) => isOk(c) && c?.metadata.uid !== before.metadata.uid,
    )
    expect(again!.spec.incarnation).toBe(before.spec.incarnation)
  }, 30_000)

  test('the Lease: terms go on, and nothing is taken for a step back in time', async () => {
    const termOf = (lease: Lease | undefined) => lease?.spec?.leaseTransitions ?? 0
    const before = await cloud.client.get<Lease>(kinds.LEASE, LEASE)
    await cloud.client.remove(kinds.LEASE, LEASE)
    const after = await cloud.until<Lease>(kinds.LEASE, LEASE, (l) => termOf(l) > termOf(before), 40_000)
    const led = (await cloud.until<Cloud>(kinds.CLOUD, CLOUD, (c) => c?.status?.term === termOf(after), 40_000))!
    expect(led.status?.state).toBe('OK')
    await createMachine(cloud, 'led')
    await cloud.until<Instance>(kinds.INSTANCE, at('led'), isReady)
    await removeAndWait(cloud, kinds.INSTANCE, 'led')
  }, 120_000)
})

const FINALIZER_WRITE = 'patch instances'
/** What a machine with one automatic port costs, sorted: which of two objects is written first depends on their answers. */
const CREATE_WRITES = [
  'create ports',
  ...['update ipclaims', 'updateStatus instances', 'updateStatus instances', 'updateStatus ports'],
]
const DELETE_WRITES = ['delete ports', 'patch instances', 'patch ports', 'update ipclaims']

/** The namespace's default group, and the first claim of a block of addresses, cost their writes once. */
async function warmUp(): Promise<void> {
  await createMachine(cloud, 'warm')
  await cloud.until(kinds.INSTANCE, at('warm'), isReady)
  // A machine does not wait for what its Port's status says last.
  for (const { metadata } of await cloud.client.list(kinds.PORT, { namespace: PROJECT }))
    await cloud.until(kinds.PORT, metadata, isReady)
}

/** @param most writes of a create that are waited for: what we see by our watch is counted only when the operator has its answer */
async function countLife(name: string, most: number, slowMs = 0) {
  return cloud.whileCalm(async () => {
    const before = writes().length
    const answered = async (count: number) => {
      for (let i = 0; i < 100 && writes().length < before + count; i++) await sleep(50)
      await sleep(200) // one too many would come by now
    }
    await createMachine(cloud, name)
    const machine = (await cloud.until<Instance>(kinds.INSTANCE, at(name), isReady))!
    const port = await portOf(name)
    await cloud.until<Port>(kinds.PORT, at(port.metadata.name), isReady)
    await answered(most)
    const created = writes().slice(before)
    await removeAndWait(cloud, kinds.INSTANCE, name)
    await answered(created.length + DELETE_WRITES.length)
    const deleted = writes().slice(before + created.length)
    return { machine, port, created: created.map(toText).sort(), deleted: deleted.map(toText).sort() }
  }, slowMs)
}

const toText = ({ verb, resource }: { verb: string; resource: string }) => `${verb} ${resource.split('.')[0]}`

/**
 * All of the operator's account for machines; Lease and Events excluded. What is free on a node is written once in half a minute, however
 * many machines came (claimed-nodes.test): it falls into the life of any.
 */
function writes() {
  const reads = ['get', 'list', 'watch', 'review']
  return operator.samples.filter(
    (s) =>
      s.code >= 200 && s.code < 300 && !reads.includes(s.verb) && !/^(leases|events|computenodes)\./.test(s.resource),
  )
}
