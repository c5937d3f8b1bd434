// SPDX-License-Identifier: Apache-2.0
// Two real pools, of which one is not mounted: the node says so, and stays of use.
import { expect, test } from '@jest/globals'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { createLogger } from '../../lib/log.ts'
import { until } from '../../lib/time/until.ts'
import type { NodeDocument } from '../../lib/contract/documents.ts'
import { NodeReconciler } from '../node/node-reconciler.ts'
import { DocumentStore } from '../runtime/document-store.ts'
import { NodeRuntime } from '../runtime/node-runtime.ts'
import { Reporter } from '../runtime/reporter.ts'
import { createFilePool } from './testing/file-pool.ts'
import { VolumeReconciler } from './volume-reconciler.ts'

const log = createLogger('test', 'silent')
const run = (...argv: [string, ...string[]]) => exec(argv, { timeoutMs: 10_000 })
const node: NodeDocument = {
  ...{
    v: 1,
    kind: 'node',
    uid: 'node-1',
    node: 'n1',
    name: 'n1',
    tombstone: false,
    spec: { roles: { storage: true } },
  },
  versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
}

test('a pool that is not mounted closes nothing: its volumes are those of before, the other’s those of now', async () => {
  await using mounted = await createFilePool()
  await using other = await createFilePool()
  const dir = await mkdtemp(join(tmpdir(), 'nephele-unmounted-'))
  const disk = join(mounted.dir, 'disk')
  const mount = () => run('mount', '--bind', disk, mounted.poolPath)
  for (const folder of [disk, mounted.poolPath]) await mkdir(folder, { mode: 0o700 })
  await mount()
  const drivers = new Map([mounted, other].map((pool) => [pool.poolPath, pool.createDriver()]))
  const volumes = new VolumeReconciler({
    createDriver: ({ path }) => drivers.get(path)!,
    knownPools: async () =>
      [...drivers.keys()].map((path) => ({ name: basename(join(path, '..')), driver: 'file', path })),
    poolOf: async () => undefined,
  })
  const reporter = new Reporter({ outbox: { connected: false, publish: async () => undefined }, log })
  const store = await DocumentStore.open(dir, log)
  const runtime = new NodeRuntime({ node: 'n1', bootId: 'b', store, reporter, log })
  const self = new NodeReconciler({
    identity: { accept: async () => true } as never,
    nbd: { accept: async () => undefined } as never,
    ensureRoles: async () => ({ roles: [{ name: 'storage', reconcilers: [volumes] }], failures: [] }),
    listOrphans: (changed) => runtime.listOrphans(changed),
  })
  for (const reconciler of [self, volumes]) await runtime.add(reconciler)
  const said = () => reporter.find({ node: 'n1', kind: 'node', uid: 'node-1' })
  const names = () => said()?.facts.orphans?.map(({ uid, asOf }) => `${uid} ${asOf === undefined ? 'now' : 'before'}`)
  try {
    const make = (path: string, id: string) =>
      drivers.get(path)!.ensure({ id, sizeGiB: 1, format: 'raw' }, AbortSignal.timeout(10_000))
    await make(mounted.poolPath, 'a1')
    await make(other.poolPath, 'b1')
    runtime.start()
    await runtime.receive(node, Buffer.from(JSON.stringify(node)))
    await until(() => names()?.length === 2, said)
    expect(names()).toEqual(['a1 now', 'b1 now'])

    await run('umount', mounted.poolPath)
    await make(other.poolPath, 'b2')
    self.wake()
    await until(() => names()?.length === 3, said)
    expect(names()).toEqual(['a1 before', 'b1 now', 'b2 now'])
    const pool = `pool ${basename(mounted.dir)}`
    const why = { reason: 'PoolUnavailable', message: expect.stringContaining('mounted?') }
    expect(said()).toMatchObject({ state: 'ready', facts: { unlisted: [{ kind: 'volume', what: pool, ...why }] } })
    expect(said()).not.toHaveProperty('error')

    await mount()
    self.wake()
    await until(() => said()?.facts.unlisted === undefined, said)
    expect(names()).toEqual(['a1 now', 'b1 now', 'b2 now'])
  } finally {
    await run('umount', mounted.poolPath)
    await runtime.stop()
    await rm(dir, { recursive: true })
  }
}, 40_000)
