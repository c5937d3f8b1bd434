// SPDX-License-Identifier: Apache-2.0
// Kills each process of the cloud, without warning, while one guest writes to its volume, another asks it over the network, one
// machine is being built and one is being deleted.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { INSTANCE, VOLUME } from '../../lib/api/kinds.ts'
import type { Instance, Volume } from '../../lib/api/types.ts'
import type { CloudProcess } from '../../local/cloud/cloud.ts'
import { signalProcess } from '../../local/host/process.ts'
import type { ServiceName } from '../../local/node/node.ts'
import { draw } from '../harness/draw.ts'
import { asker, confirmed, expectedBlocks, readLoad, waitForRounds, WRITER } from '../harness/load.ts'
import { findStorageDaemon } from '../harness/processes.ts'
import { Project } from '../harness/project.ts'
import { sumsOfBlocks } from '../harness/volume-content.ts'
import { waitForGone, waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const WRITER_ADDRESS = '10.30.0.10'
const IN_NORMAL_RUN = 14

let project: Project
let writer: Instance
let reader: Instance
/** The machine that the next case deletes. */
let oldest = 'built-0'
beforeAll(async () => {
  project = await Project.create('kill')
  await project.createNetwork('net', '10.30.0.0/24')
  await project.createVolume('data')
  const net = { networkRef: { name: 'net' } }
  await project.createInstance('writer', {
    availabilityZone: 'zone-a',
    networks: [{ ...net, ipAddress: WRITER_ADDRESS }],
    volumes: [{ volumeRef: { name: 'data' } }],
    userData: WRITER,
  })
  await project.createInstance('reader', {
    availabilityZone: 'zone-b',
    networks: [net],
    userData: asker(WRITER_ADDRESS),
  })
  await build(oldest)
  ;[writer, reader] = await Promise.all([project.waitActive('writer'), project.waitActive('reader')])
  await project.waitActive(oldest)
  await Promise.all([waitForRounds(project, writer, 'write', 2), waitForRounds(project, reader, 'ask', 2)])
}, 240_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

type Pid = number | undefined
type Kill = () => Promise<{ before: Pid; after: Pid }>

function build(name: string): Promise<Instance> {
  const networks = [{ networkRef: { name: 'net' } }]
  return project.createInstance(name, { availabilityZone: 'zone-a', networks })
}

/**
 * Load before, the kill in the midst of a build and a deletion, another pid, load after; then all machines as they should be, once,
 * those that ran with the same boot ids.
 */
async function surviveKill(kill: Kill): Promise<void> {
  const { client } = project.test
  const [w0, r0] = await Promise.all([
    waitForRounds(project, writer, 'write', 1),
    waitForRounds(project, reader, 'ask', 1),
  ])
  const versions = await versionsOf('writer', 'reader')
  const newest = `built-${Number(oldest.slice('built-'.length)) + 1}`
  await project.rememberPorts()
  await client.remove(INSTANCE, project.at(oldest))
  await build(newest)
  const { before, after } = await kill()
  expect(before).toBeDefined()
  expect(after).toBeDefined()
  expect(after).not.toBe(before)

  const [w1, r1] = await Promise.all([
    waitForRounds(project, writer, 'write', 3),
    waitForRounds(project, reader, 'ask', 3),
  ])
  expect([w1.bootId, r1.bootId]).toEqual([w0.bootId, r0.bootId])
  expect(w1.broken).toEqual([])
  // Nobody but the writer ever answered at its address.
  expect(new Set(r1.lines)).toEqual(new Set([w1.bootId]))

  await waitForGone(client, INSTANCE, project.at(oldest))
  const built = await project.waitActive(newest)
  oldest = newest
  // Their owners were told of nothing, since nothing happened to them.
  expect(await versionsOf('writer', 'reader')).toEqual(versions)
  for (const { metadata } of [writer, reader, built]) expect(await domainsOf(metadata.uid)).toBe(1)
}

async function versionsOf(...names: string[]): Promise<string[]> {
  const machines = await Promise.all(
    names.map((name) => waitForReady<Instance>(project.test.client, INSTANCE, project.at(name))),
  )
  return machines.map((m) => m.metadata.resourceVersion)
}

async function domainsOf(uid: string): Promise<number> {
  const { cloud, computeNodes } = project.test
  const lists = await Promise.all(computeNodes.map((n) => cloud.exec(n, ['virsh', 'list', '--uuid'])))
  return lists.flatMap((l) => l.stdout.split('\n')).filter((line) => line.trim() === uid).length
}

const killProcess =
  (name: CloudProcess): Kill =>
  async () => {
    const { cloud } = project.test
    const before = cloud.findProcess(name)?.pid
    return { before, after: (await cloud.restartProcess(name)).pid }
  }

const killDaemon =
  (service: ServiceName, where: 'compute' | 'network'): Kill =>
  async () => {
    const { cloud, networkNode } = project.test
    const node = where === 'network' ? networkNode : (writer.status?.node ?? '')
    const before = cloud.findDaemon(node, service)?.pid
    return { before, after: (await cloud.restartDaemon(node, service)).pid }
  }

const killStorageDaemon: Kill = async () => {
  const { cloud, networkNode } = project.test
  const before = findStorageDaemon(cloud.node(networkNode))
  if (before) signalProcess(before, 'SIGKILL')
  const again = () => {
    const now = findStorageDaemon(cloud.node(networkNode))
    return now && now.pid !== before?.pid ? now.pid : undefined
  }
  return { before: before?.pid, after: await waitUntilTrue('the storage daemon again', again) }
}

/** OVN's databases, the volume's daemon and an agent at once; no guest is on this node. */
const rebootNetworkNode: Kill = async () => {
  const { cloud, networkNode } = project.test
  const before = cloud.node(networkNode).pid
  await cloud.rebootNode(networkNode)
  return { before, after: cloud.node(networkNode).pid }
}

const CASES: readonly [string, Kill][] = [
  ['the operator', killProcess('operator')],
  ['NATS', killProcess('nats')],
  ['the apiserver', killProcess('apiserver')],
  ['etcd', killProcess('etcd')],
  ['the controller-manager', killProcess('controller-manager')],
  ['the agent of the compute node', killDaemon('agent', 'compute')],
  ['the agent of the network and storage node', killDaemon('agent', 'network')],
  ['libvirtd', killDaemon('libvirtd', 'compute')],
  ['ovs-vswitchd', killDaemon('ovs-vswitchd', 'compute')],
  ["the switch's database", killDaemon('ovsdb', 'compute')],
  ['ovn-controller', killDaemon('ovn-controller', 'compute')],
  ['ovn-northd', killDaemon('ovn-northd', 'network')],
  ["OVN's northbound database", killDaemon('ovn-nb', 'network')],
  ["OVN's southbound database", killDaemon('ovn-sb', 'network')],
  ['the storage daemon that serves the volume', killStorageDaemon],
  ['all of the network and storage node', rebootNetworkNode],
]

const drawn = draw(CASES, IN_NORMAL_RUN)

describe(`killed while guests work and machines come and go (${drawn.title})`, () => {
  test.each(drawn.cases)('%s', (_name, kill) => surviveKill(kill), 180_000)

  test('and the volume holds all that the guest ever wrote', async () => {
    const { client, cloud, networkNode } = project.test
    expect(readLoad(project, writer, 'write').broken).toEqual([])
    await project.patch(INSTANCE, 'writer', { spec: { runState: 'Stopped' } })
    await waitForObject<Instance>(client, INSTANCE, project.at('writer'), (i) => i?.status?.state === 'SHUTOFF', {
      what: 'SHUTOFF',
      timeoutMs: 120_000,
    })
    const { uid } = (await client.get<Volume>(VOLUME, project.at('data'))).metadata
    const expected = expectedBlocks(confirmed(readLoad(project, writer, 'write').lines))
    expect(expected.size).toBeGreaterThan(5)
    expect(await sumsOfBlocks(cloud.node(networkNode), uid, expected.keys())).toEqual(expected)
  }, 180_000)
})
