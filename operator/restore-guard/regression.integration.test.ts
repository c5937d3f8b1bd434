// SPDX-License-Identifier: Apache-2.0
// etcd is restored from a backup, on a real etcd, kube-apiserver and NATS with fake agents: the operator notices, says so once, touches
// nothing, and goes on when an administrator has raised the incarnation.
import { jetstreamManager } from '@nats-io/jetstream'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import * as kinds from '../../lib/api/kinds.ts'
import type { Cloud, Instance, KubeEvent, Lease } from '../../lib/api/types.ts'
import { findCondition, isConditionTrue } from '../../lib/conditions.ts'
import { DESIRED_BUCKET, streamOf } from '../../lib/contract/subjects.ts'
import { createLogger } from '../../lib/log.ts'
import { JetStreamBus } from '../bus/jetstream-bus.ts'
import { until } from '../../lib/time/until.ts'
import {
  applyProject,
  at,
  createMachine,
  ensureNodes,
  isReady,
  untilFurnished,
  untilReady,
} from '../testing/furnish.ts'
import { TestCloud, type RunningOperator } from '../testing/test-cloud.ts'

const CLOUD = { name: kinds.CLOUD_NAME }
const LEASE = { namespace: 'nephele-system', name: 'nephele-operator' }
const isRegressed = (c: Cloud | undefined) => isConditionTrue(c?.status?.conditions, 'ControlPlaneRegressed')

let cloud: TestCloud

beforeEach(async () => {
  cloud = await TestCloud.start(0)
}, 60_000)
afterEach(() => cloud.stop(), 60_000)

const ready = (name: string) => untilReady(cloud, name)

/** A cloud with one machine. */
async function furnish(): Promise<void> {
  await ensureNodes(cloud)
  await applyProject(cloud)
  await untilFurnished(cloud)
  await createMachine(cloud, 'before')
  await ready('before')
}

/** All that is outside of Kubernetes: documents by their count of writes, logical rows, what nodes did. */
async function outside() {
  const nc = await cloud.nats.connectOperator()
  const stream = await (await jetstreamManager(nc)).streams.info(streamOf(DESIRED_BUCKET))
  await nc.close()
  const rows = (['Network', 'Subnet', 'Port'] as const).map((kind) => [...cloud.rows.of(kind).keys()].sort())
  const nodes = [...cloud.nodes.values()].map(({ name, started, instances }) => ({
    name,
    started: [...started],
    machines: [...instances.values()].map(({ document, boots, state }) => [document.versions, boots, state]),
  }))
  return { documents: stream.state.last_seq, rows, nodes }
}

/** Those that took effect, but for the Lease. */
const writesOf = ({ samples }: RunningOperator) =>
  samples
    .filter(
      (s) => s.code < 300 && !['get', 'list', 'watch', 'review'].includes(s.verb) && !s.resource.startsWith('leases'),
    )
    .map((s) => `${s.verb} ${s.resource}`)

const ONE_WORD = ['create events.events.k8s.io', 'updateStatus clouds.nephele.dev']
const termOf = async () => (await cloud.client.get<Lease>(kinds.LEASE, LEASE)).spec?.leaseTransitions
const eventsOf = async (reason: string) =>
  (await cloud.client.list<KubeEvent>(kinds.EVENT)).filter((e) => e.reason === reason)

/** Of what the node was told of the machine last; undefined when that is gone from the bus. */
async function incarnationToldTo(node: string, { metadata }: Instance): Promise<number | undefined> {
  const nc = await cloud.nats.connectOperator()
  const bus = new JetStreamBus({ nc, writer: () => undefined, log: createLogger('test', 'silent') })
  try {
    await bus.ready(AbortSignal.timeout(10_000))
    return bus.desired.find(node, 'instance', metadata.uid)?.versions.incarnation
  } finally {
    await bus.close()
    await nc.close()
  }
}

async function raiseIncarnation(): Promise<void> {
  await cloud.client.mergePatch(kinds.CLOUD, CLOUD, { spec: { incarnation: 2 } })
  await cloud.until<Cloud>(kinds.CLOUD, CLOUD, (c) => c?.status?.state === 'OK' && !isRegressed(c))
}

test('the Lease as it was: one word, nothing else, until the incarnation is raised', async () => {
  const first = await cloud.startOperator()
  await furnish()
  await cloud.saveStore('backup')
  await ready('before')
  const term = await termOf()
  await createMachine(cloud, 'after')
  await ready('after')
  await cloud.client.mergePatch(kinds.INSTANCE, at('before'), { spec: { metadata: { since: 'backup' } } })
  await cloud.until<Instance>(
    kinds.INSTANCE,
    at('before'),
    (i) => isReady(i) && i?.status?.observedGeneration === i?.metadata.generation,
  )
  expect(await termOf()).toBe(term)
  await first.stop()
  const before = await outside()

  await cloud.restoreStore('backup')
  const second = await cloud.startOperator()
  const stopped = (await cloud.until<Cloud>(kinds.CLOUD, CLOUD, isRegressed, 40_000))!
  expect(stopped.status).toMatchObject({ state: 'ERROR', regressedIncarnation: 1 })
  expect(findCondition(stopped.status?.conditions, 'ControlPlaneRegressed')?.message).toMatch(
    /team\/after.*of which there is no resource|generation 2 of instance team\/before, the resource is of 1/,
  )
  // What users do meanwhile waits, under this leader and the next.
  await createMachine(cloud, 'later', { networks: [] })
  await second.stop()
  const third = await cloud.startOperator()
  await cloud.until<Lease>(kinds.LEASE, LEASE, (lease) => lease?.spec?.leaseTransitions === (term ?? 0) + 2)
  await cloud.client.mergePatch(kinds.INSTANCE, at('later'), { spec: { metadata: { still: 'waiting' } } })
  expect(writesOf(second).sort()).toEqual(ONE_WORD)
  expect(await eventsOf('ControlPlaneRegressed')).toHaveLength(1)
  expect(await outside()).toEqual(before)
  expect((await cloud.client.get<Instance>(kinds.INSTANCE, at('later'))).metadata.finalizers).toBeUndefined()

  expect(writesOf(third)).toEqual([])
  await raiseIncarnation()
  await ready('later')
  const old = await ready('before')
  const holder = cloud.nodes.get(old.status!.node!)!
  await cloud.until(
    kinds.CLOUD,
    CLOUD,
    () => holder.instances.get(old.metadata.uid)?.document.versions.incarnation === 2,
  )
  expect(holder.instances.get(old.metadata.uid)?.boots).toBe(1)
  const machines = [...cloud.nodes.values()].flatMap((node) => [...node.instances.values()])
  expect(machines.every(({ boots, state }) => boots === 1 && state === 'running')).toBe(true)
  expect(machines.map(({ document }) => document.name)).toEqual(
    expect.arrayContaining(
      before.nodes.flatMap((n) =>
        n.started.filter((s) => s.startsWith('instance ')).map((s) => s.slice('instance '.length)),
      ),
    ),
  )
}, 120_000)

test('the operator lives through it, and does nothing in between', async () => {
  const operator = await cloud.startOperator()
  await furnish()
  await cloud.saveStore('backup')
  await ready('before')
  await createMachine(cloud, 'after')
  await ready('after')
  // A machine does not wait for what its Port's status says last.
  for (const { metadata } of await cloud.client.list(kinds.PORT)) await cloud.until(kinds.PORT, metadata, isReady)
  const [writes, before] = [writesOf(operator).length, await outside()]
  await cloud.restoreStore('backup')
  const stopped = (await cloud.until<Cloud>(kinds.CLOUD, CLOUD, isRegressed, 60_000))!
  // By its own lists, as long as the store's new history is shorter than the old one; else by what the nodes have.
  expect(findCondition(stopped.status?.conditions, 'ControlPlaneRegressed')?.message).toMatch(
    /list of .* was at version|of which there is no resource/,
  )
  // Events are written one after the other, behind the status; those of before may still have been under way.
  await until(async () => (await eventsOf('ControlPlaneRegressed')).length > 0, 'the Event', 20_000)
  const since = writesOf(operator).slice(writes)
  expect(since.filter((write) => !write.includes('events'))).toEqual(['updateStatus clouds.nephele.dev'])
  expect(await eventsOf('ControlPlaneRegressed')).toHaveLength(1)
  expect(await outside()).toEqual(before)
  await raiseIncarnation()
  await createMachine(cloud, 'next', { networks: [] })
  await ready('next')
}, 120_000)

test('a machine that moved after the snapshot is left where it is, until its status says where that is', async () => {
  const operator = await cloud.startOperator()
  await ensureNodes(cloud)
  await applyProject(cloud)
  await untilFurnished(cloud)
  await createMachine(cloud, 'moved', { evacuation: 'WhenFenced' })
  const old = await ready('moved')
  const from = old.status?.node ?? ''
  await cloud.saveStore('backup')
  await ready('moved')
  await cloud.stopAgent(from)
  await cloud.client.mergePatch(kinds.COMPUTE_NODE, { name: from }, { spec: { lost: 'Wiped' } })
  const isElsewhere = (i: Instance | undefined) => {
    const node = cloud.nodes.get(i?.status?.node ?? from)
    return isReady(i) && node?.name !== from && node?.instances.get(old.metadata.uid)?.state === 'running'
  }
  const { status } = (await cloud.until<Instance>(kinds.INSTANCE, at('moved'), isElsewhere, 60_000))!
  const holder = cloud.nodes.get(status?.node ?? '')!
  await operator.stop()

  // By the restored store its node is not lost.
  await cloud.restoreStore('backup')
  await cloud.startOperator()
  await cloud.until<Cloud>(kinds.CLOUD, CLOUD, isRegressed, 60_000)
  await raiseIncarnation()
  const isUnclear = (i: Instance | undefined) =>
    findCondition(i?.status?.conditions, 'Ready')?.reason === 'OwnershipUnclear'
  const held = (await cloud.until<Instance>(kinds.INSTANCE, at('moved'), isUnclear, 40_000))!
  expect(held.status?.node).toBe(from)
  expect(findCondition(held.status?.conditions, 'Ready')?.message).toContain(
    `node ${holder.name} has this machine (epoch 2)`,
  )
  expect(await incarnationToldTo(from, old)).not.toBe(2)
  expect(await incarnationToldTo(holder.name, old)).toBe(1)

  // As docs/disaster-recovery.md has it.
  const patch = JSON.stringify({ status: { node: holder.name, epoch: status?.epoch } })
  const target = ['-n', 'team', 'instances.nephele.dev', 'moved', '--subresource=status', '--type=merge']
  await cloud.kubectl(['patch', ...target, `--patch=${patch}`])
  await cloud.until<Instance>(kinds.INSTANCE, at('moved'), isElsewhere, 40_000)
  expect(holder.instances.get(old.metadata.uid)).toMatchObject({ boots: 1, state: 'running' })
}, 180_000)
