// SPDX-License-Identifier: Apache-2.0
// All writes of the operator's account to any resource, from the apiserver's audit log; Lease excluded, Events told apart. Nothing that
// does the same job stores its state this way, so there is no peer: the bounds are the ones of docs/benchmarks.md.
import * as draft from '../e2e/harness/objects.ts'
import { waitForGone, waitForReady } from '../e2e/harness/wait.ts'
import { INSTANCE, VOLUME } from '../lib/api/kinds.ts'
import { median, toFigure, type Figure } from './harness/figure.ts'
import { AuditLog, tally, type Write } from './harness/audit-log.ts'
import { findOption } from './harness/arguments.ts'
import { countBurst } from './harness/burst.ts'
import { prepareProject, withCloud, type BenchCloud } from './harness/bench-cloud.ts'

export const about =
  "writes to the apiserver by the operator's account: one machine with one automatic port, fifty at once, volumes"

const NETWORKS = [{ networkRef: { name: 'net' } }]
const LAST_MS = 120_000
/** Events are told apart; a node shows what is left on it for all machines of half a minute at once. */
const ASIDE = new Set(['events', 'computenodes'])

interface Counted {
  writes: Write[]
  events: Write[]
}

/** @param args --singles N (5), --burst N (50), --volumes N (3) */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const figures = await withCloud('writes', { auditLog: true }, async (cloud) => {
    await prepareProject(cloud)
    const audit = new AuditLog(cloud.cloud.layout.controlPlane)
    await warmUp(cloud)
    await audit.readUntilQuiet()
    return [
      ...(await countSingles(cloud, audit, findOption(args, 'singles', 5))),
      ...(await countVolumes(cloud, audit, findOption(args, 'volumes', 3))),
    ]
  })
  return [...figures, ...(await countBurst(findOption(args, 'burst', 50)))]
}

/** The first machine also makes the namespace's default security group and fills each node's image cache. */
async function warmUp(cloud: BenchCloud): Promise<void> {
  for (const [i] of cloud.computeNodes.entries())
    await cloud.client.create(INSTANCE, machine(cloud, `warm-${i}`, 'small'))
  for (const [i] of cloud.computeNodes.entries())
    await waitForReady(cloud.client, INSTANCE, at(cloud, `warm-${i}`), LAST_MS)
  for (const [i] of cloud.computeNodes.entries()) await remove(cloud, `warm-${i}`)
}

async function countSingles(cloud: BenchCloud, audit: AuditLog, n: number): Promise<Figure[]> {
  const created: Counted[] = []
  const deleted: Counted[] = []
  for (let i = 0; i < n; i++) {
    const name = `single-${i}`
    await cloud.client.create(INSTANCE, machine(cloud, name, 'small'))
    await waitForReady(cloud.client, INSTANCE, at(cloud, name), LAST_MS)
    created.push(split(await audit.readUntilQuiet()))
    await remove(cloud, name)
    deleted.push(split(await audit.readUntilQuiet()))
  }
  show('create', created)
  show('delete', deleted)
  const worst = (counted: Counted[], of: keyof Counted) => Math.max(...counted.map((c) => c[of].length))
  return [
    figure('writes a create', worst(created, 'writes'), n, 5),
    figure('writes a delete', worst(deleted, 'writes'), n, 4),
    figure('events a create', worst(created, 'events'), n, 4),
  ]
}

/** What a volume adds to a machine that is made with it, over one that is made without, the median of which is the base. */
async function countVolumes(cloud: BenchCloud, audit: AuditLog, n: number): Promise<Figure[]> {
  const plain: number[] = []
  const added: number[] = []
  for (let i = 0; i < n; i++) {
    const name = `volume-${i}`
    await cloud.client.create(VOLUME, draft.volume(at(cloud, name), 1, { volumeTypeRef: { name: 'files' } }))
    await waitForReady(cloud.client, VOLUME, at(cloud, name), LAST_MS)
    await audit.readUntilQuiet()
    for (const volumes of [[], [{ volumeRef: { name } }]]) {
      await cloud.client.create(INSTANCE, machine(cloud, name, 'small', { volumes }))
      await waitForReady(cloud.client, INSTANCE, at(cloud, name), LAST_MS)
      const { writes } = split(await audit.readUntilQuiet())
      if (volumes.length > 0 && i === 0) show('create with a volume that exists', [{ writes, events: [] }])
      ;(volumes.length > 0 ? added : plain).push(writes.length)
      await remove(cloud, name)
      await audit.readUntilQuiet()
    }
    await cloud.client.remove(VOLUME, at(cloud, name))
    await waitForGone(cloud.client, VOLUME, at(cloud, name), LAST_MS)
    await audit.readUntilQuiet()
  }
  return n === 0 ? [] : [figure('writes more for a volume', Math.max(...added) - median(plain), n, 1)]
}

const at = ({ namespace }: BenchCloud, name: string) => ({ namespace, name })

function machine(cloud: BenchCloud, name: string, flavor: string, spec: object = {}) {
  return draft.instance(at(cloud, name), { flavorRef: { name: flavor }, networks: NETWORKS, ...spec })
}

async function remove(cloud: BenchCloud, name: string): Promise<void> {
  await cloud.client.remove(INSTANCE, at(cloud, name))
  await waitForGone(cloud.client, INSTANCE, at(cloud, name), LAST_MS)
}

function split(all: readonly Write[]): Counted {
  return {
    writes: all.filter((w) => !ASIDE.has(w.resource) && w.code <= 299),
    events: all.filter((w) => w.resource === 'events' && w.code <= 299),
  }
}

function show(title: string, counted: readonly Counted[]): void {
  const worst = counted.toSorted((a, b) => b.writes.length - a.writes.length)[0]
  if (!worst) return
  console.log(`\n${title}: ${counted.map((c) => c.writes.length).join(', ')} writes; the largest:`)
  for (const line of tally([...worst.writes, ...worst.events])) console.log(`  ${line}`)
}

function figure(metric: string, value: number, n: number, most: number): Figure {
  return toFigure({
    bench: 'writes',
    metric,
    value,
    unit: 'writes',
    n,
    target: { text: `≤ ${most}`, pass: value <= most },
  })
}
