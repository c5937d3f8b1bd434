// SPDX-License-Identifier: Apache-2.0
// Objects are lost while a guest runs, and `kubectl nephele restore` makes them anew of a backup: nothing beside the guest, the rest with the
// addresses that it had; the guest's own machine only once its node has let go.
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { CLOUD, COMPUTE_NODE, INSTANCE, VOLUME } from '../../lib/api/kinds.ts'
import type { Cloud, ComputeNode, Instance, Volume } from '../../lib/api/types.ts'
import { isConditionTrue } from '../../lib/conditions.ts'
import { waitForRounds, WRITER } from '../harness/load.ts'
import { CLOUD_REF, isRegressed, raiseIncarnation, release, running, startsOf } from '../harness/lost-store.ts'
import { ON_NET, Project } from '../harness/project.ts'
import { waitForObject } from '../harness/wait.ts'

let project: Project
let folder: string
let archive: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nephele-objects-'))
  archive = join(folder, 'backup.tar.gz')
  project = await Project.create('objects', { net: '10.87.0.0/24' })
}, 120_000)
afterAll(async () => {
  const found = await project.test.client.get<Cloud>(CLOUD, CLOUD_REF)
  if (isRegressed(found)) await raiseIncarnation(project)
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
  await rm(folder, { recursive: true, force: true })
}, 120_000)

/** The plug-in's own sources, as the release has them in one file. */
function nephele(...words: string[]): { code: number | null; said: string } {
  const { cloud } = project.test
  const main = join(import.meta.dirname, '..', '..', 'cli', 'main.ts')
  const argv = [main, ...words, `--kubeconfig=${cloud.kubeconfigPath}`, '--timeout=60s']
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8', timeout: 120_000 })
  return { code: status, said: stdout + stderr }
}

/** What the Port of a machine has: MAC and addresses. */
async function nicOf(machine: string): Promise<unknown> {
  const { status } = await project.waitForPortOf(machine)
  return [status?.macAddress, status?.fixedIPs]
}

async function listed(node: string, uid: string): Promise<ComputeNode> {
  const isListed = (n: ComputeNode | undefined) =>
    isConditionTrue(n?.status?.conditions, 'Ready') &&
    isConditionTrue(n?.status?.conditions, 'OrphansListed') &&
    n?.status?.orphans?.some((orphan) => orphan.uid === uid) === true
  const found = await waitForObject<ComputeNode>(project.test.client, COMPUTE_NODE, { name: node }, isListed, {
    what: `lists ${uid}`,
  })
  return found!
}

test('a machine that runs is left alone, with its boot, its address and its volume; what no node has is made anew', async () => {
  const { client, cloud } = project.test
  const at = (name: string) => project.at(name)
  const snapshot = join(folder, 'before.db')
  await cloud.saveStore(snapshot)
  await project.createVolume('data')
  await project.createInstance('steady', { ...ON_NET, volumes: [{ volumeRef: { name: 'data' } }], userData: WRITER })
  await project.createInstance('gone', ON_NET)
  const [steady, gone] = await Promise.all([project.waitActive('steady'), project.waitActive('gone')])
  const data = await client.get<Volume>(VOLUME, at('data'))
  const { bootId } = await waitForRounds(project, steady, 'write', 2)
  await project.rememberPorts()
  const nics = [await nicOf('steady'), await nicOf('gone')]
  expect(nephele('backup', archive)).toMatchObject({ code: 0 })
  await project.remove(INSTANCE, 'gone')

  // All three are lost.
  await cloud.restoreStore(snapshot)
  await waitForObject<Cloud>(client, CLOUD, CLOUD_REF, isRegressed, { what: 'regressed' })
  expect(nephele('restore', archive)).toMatchObject({
    code: 2,
    said: expect.stringContaining('raise spec.incarnation'),
  })
  await raiseIncarnation(project)
  const node = await listed(steady.status?.node ?? '', steady.metadata.uid)
  await listed(data.status?.node ?? '', data.metadata.uid)

  // Not even by force.
  const { code, said } = nephele('restore', '--force', archive)
  expect(said).toContain(`withheld: Instance ${project.namespace}/steady: node ${node.metadata.name} has it`)
  expect(said).toContain(`withheld: Volume ${project.namespace}/data: node ${data.status?.node} has it`)
  expect(code).toBe(1)
  const anew = await project.waitActive('gone')
  expect(anew.metadata.uid).not.toBe(gone.metadata.uid)
  expect(await nicOf('gone')).toEqual(nics[1])
  expect([await client.find(INSTANCE, at('steady')), await client.find(VOLUME, at('data'))]).toEqual([
    undefined,
    undefined,
  ])
  const load = await waitForRounds(project, steady, 'write', 3)
  expect([load.bootId, load.broken, startsOf(project, steady)]).toEqual([bootId, [], 1])
  expect(await running(project, [steady.metadata.uid])).toEqual([`${steady.metadata.uid} ${node.metadata.name}`])

  // An administrator gives it up: from then on it is made anew, where it was.
  const { status } = await client.get<ComputeNode>(COMPUTE_NODE, { name: node.metadata.name })
  const uids = new Set(project.uids)
  await release(
    project,
    node.metadata.name,
    (status?.orphans ?? []).filter(({ kind, uid }) => uids.has(uid) && ['instance', 'port'].includes(kind)),
  )
  await release(project, data.status?.node ?? '', [{ kind: 'volume', uid: data.metadata.uid }])
  const end = nephele('restore', archive)
  expect(end).toMatchObject({ code: 0 })
  const again: Instance = await project.waitActive('steady')
  expect(again.metadata.uid).not.toBe(steady.metadata.uid)
  expect(await nicOf('steady')).toEqual(nics[0])
  expect([startsOf(project, steady), startsOf(project, again), startsOf(project, anew)]).toEqual([1, 1, 1])
}, 300_000)
