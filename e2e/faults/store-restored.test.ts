// SPDX-License-Identifier: Apache-2.0
// etcd is lost and comes back from a snapshot, with machines running: docs/disaster-recovery.md, step by step. etcdctl and etcdutl save and
// restore; operator, NATS, OVN and nodes live through it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { CLOUD, COMPUTE_NODE, INSTANCE, VOLUME } from '../../lib/api/kinds.ts'
import type { Cloud, ComputeNode, Volume } from '../../lib/api/types.ts'
import { confirmed, expectedBlocks, readLoad, waitForRounds, WRITER } from '../harness/load.ts'
import { CLOUD_REF, isRegressed, raiseIncarnation, release, running, startsOf } from '../harness/lost-store.ts'
import { ON_NET, Project } from '../harness/project.ts'
import { sumsOfBlocks } from '../harness/volume-content.ts'
import { waitForCondition, waitForGone, waitForObject } from '../harness/wait.ts'

const AFTER_ADDRESS = '10.84.0.50'

let project: Project
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nephele-store-'))
  project = await Project.create('restored', { net: '10.84.0.0/24' })
}, 120_000)
afterAll(async () => {
  // A test that failed leaves no cloud that does nothing more.
  const found = await project.test.client.get<Cloud>(CLOUD, CLOUD_REF)
  if (isRegressed(found)) await raiseIncarnation(project)
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
  await rm(folder, { recursive: true, force: true })
}, 120_000)

async function nicOf(machine: string): Promise<unknown> {
  const { metadata, status } = await project.waitForPortOf(machine)
  return [metadata.uid, status?.macAddress, status?.fixedIPs, status?.node]
}

test('a snapshot of etcd: same machines, same addresses, nothing is started twice, nothing made since is removed', async () => {
  const { client, cloud } = project.test
  const at = (name: string) => project.at(name)
  await project.createVolume('data')
  await project.createInstance('steady', { ...ON_NET, volumes: [{ volumeRef: { name: 'data' } }], userData: WRITER })
  await project.createInstance('leaving', ON_NET)
  const [steady, leaving] = await Promise.all([project.waitActive('steady'), project.waitActive('leaving')])
  await waitForRounds(project, steady, 'write', 2)
  await project.rememberPorts()
  const nic = await nicOf('steady')
  const incarnation = (await client.get<Cloud>(CLOUD, CLOUD_REF)).spec.incarnation ?? 1
  const snapshot = join(folder, 'snapshot.db')
  await cloud.saveStore(snapshot)

  // What the snapshot does not know: one is made, with a volume that is written to; one is deleted; one is changed.
  await project.createVolume('made')
  await project.createInstance('after', {
    networks: [{ networkRef: { name: 'net' }, ipAddress: AFTER_ADDRESS }],
    volumes: [{ volumeRef: { name: 'made' } }],
    userData: WRITER,
  })
  const after = await project.waitActive('after')
  await waitForRounds(project, after, 'write', 2)
  const made = await client.get<Volume>(VOLUME, at('made'))
  await project.rememberPorts()
  await project.remove(INSTANCE, 'leaving')
  await project.patch(INSTANCE, 'steady', { spec: { metadata: { since: 'the snapshot' } } })
  await project.waitActive('steady')
  const uids = [steady, leaving, after].map(({ metadata }) => metadata.uid)
  const boots = new Map([steady, after].map((i) => [i.metadata.name, readLoad(project, i, 'write').bootId]))
  const before = await running(project, uids)
  expect(before).toEqual([steady, after].map((i) => `${i.metadata.uid} ${i.status?.node}`).toSorted())

  await cloud.restoreStore(snapshot)
  const stopped = await waitForObject<Cloud>(client, CLOUD, CLOUD_REF, isRegressed, { what: 'regressed' })
  expect(stopped?.status?.regressedIncarnation).toBe(incarnation)
  // Nothing is done while it waits, whatever is asked.
  await client.remove(INSTANCE, at('leaving'))
  await project.createInstance('waiting', ON_NET)
  await waitForRounds(project, steady, 'write', 5)
  await waitForRounds(project, after, 'write', 2)
  expect(await running(project, uids)).toEqual(before)
  expect((await project.get('waiting')).status).toEqual({ observedGeneration: 0 })
  expect((await project.get('steady')).spec.metadata).toBeUndefined()
  expect(await client.find(INSTANCE, at('after'))).toBeUndefined()

  await raiseIncarnation(project)
  await project.waitActive('waiting')
  await waitForGone(client, INSTANCE, at('leaving'))
  const node = await waitForObject<ComputeNode>(
    client,
    COMPUTE_NODE,
    { name: after.status?.node ?? '' },
    (n) => n?.status?.orphans?.some(({ uid }) => uid === after.metadata.uid) === true,
    { what: 'the machine without a resource is listed' },
  )
  const restored = await project.waitActive('steady')
  expect(restored.metadata.uid).toBe(steady.metadata.uid)
  expect([restored.status?.node, restored.status?.epoch]).toEqual([steady.status?.node, steady.status?.epoch])
  expect(await nicOf('steady')).toEqual(nic)
  // Both write on where they were, each in its only boot; what was deleted came back nowhere.
  for (const machine of [steady, after]) {
    const load = await waitForRounds(project, machine, 'write', 2)
    expect(load.broken).toEqual([])
    expect(load.bootId).toBe(boots.get(machine.metadata.name))
  }
  expect([steady, leaving, after].map((one) => startsOf(project, one))).toEqual([1, 1, 1])
  expect(await running(project, uids)).toEqual(before)

  // Its address is free by the resources alone: who asks for it waits, and is told for whom.
  await project.createInstance('heir', { networks: [{ networkRef: { name: 'net' }, ipAddress: AFTER_ADDRESS }] })
  const told = await waitForCondition(client, INSTANCE, at('heir'), {
    ...{ type: 'Ready', status: 'False', reason: 'OwnershipUnclear' },
  })
  expect(told).toContain(after.metadata.uid)
  const { lines } = readLoad(project, after, 'write')
  const orphaned = (kind: string) => node?.status?.orphans?.filter((o) => o.kind === kind).map((o) => o.uid) ?? []
  const releases = ['instance', 'port'].flatMap((kind) => orphaned(kind).map((uid) => ({ kind, uid })))
  expect(releases.map(({ kind }) => kind)).toEqual(['instance', 'port'])
  await release(project, after.status?.node ?? '', releases)
  await project.waitActive('heir')
  expect(await running(project, [after.metadata.uid])).toEqual([])
  // The volume that nobody released still has what was written.
  const pool = made.status?.node ?? ''
  const blocks = expectedBlocks(confirmed(lines))
  expect(blocks.size).toBeGreaterThan(0)
  expect(await sumsOfBlocks(cloud.node(pool), made.metadata.uid, blocks.keys())).toEqual(blocks)
  await release(project, pool, [{ kind: 'volume', uid: made.metadata.uid }])
}, 240_000)
