// SPDX-License-Identifier: Apache-2.0
// From the request that creates an Instance to the watch event that says ACTIVE, which it says when libvirt runs the machine and OVN has
// installed its port's flows; over the bare loop, turn by turn on one node, each guest gone before the next begins.
import * as draft from '../e2e/harness/objects.ts'
import { waitForGone, waitForReady } from '../e2e/harness/wait.ts'
import { INSTANCE, PORT } from '../lib/api/kinds.ts'
import type { Instance, Port } from '../lib/api/types.ts'
import { median, quantile, toFigure, type Figure } from './harness/figure.ts'
import { AuditLog } from './harness/audit-log.ts'
import { BareLoop } from './harness/bare-loop.ts'
import { meanOf, readCpu, since, type CpuByPart } from './harness/cpu.ts'
import { listParts } from './harness/parts.ts'
import { prepareProject, withCloud, type BenchCloud } from './harness/bench-cloud.ts'
import { findOption, hasFlag } from './harness/arguments.ts'

export const about =
  'an Instance from created to ACTIVE, image cached, against overlay, define, start and plug of the same domain'

const NODE_NAME = 'compute-1'
const ZONE = 'zone-a'
const WARM_UPS = 3
const SPEC = { networks: [{ networkRef: { name: 'net' } }], availabilityZone: ZONE }

/** @param args --n N (40); --profile: also when each write of the operator happened, from the audit log, and the CPU that each part took;
 * --beside: a machine on the same network runs on the node throughout, so that each created one is not its network's first there */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const n = findOption(args, 'n', 40)
  const profile = hasFlag(args, 'profile')
  return withCloud('create', { auditLog: profile }, async (cloud) => {
    await prepareProject(cloud)
    if (hasFlag(args, 'beside')) await createBeside(cloud)
    const bare = new BareLoop(cloud.cloud, NODE_NAME)
    const audit = profile ? new AuditLog(cloud.cloud.layout.controlPlane) : undefined
    const meter = profile ? new CpuMeter(cloud) : undefined
    const ours: number[] = []
    const theirs: number[] = []
    try {
      for (let i = 0; i < WARM_UPS + n; i++) {
        const isFirst = i === 0
        await audit?.read()
        meter?.start()
        const ms = await createOne(cloud, `m-${i}`, {
          ...(isFirst && { whileItRuns: (uid, port) => bare.copy(uid, port) }),
          ...(audit && { audit }),
          onActive: () => meter?.stop(i < WARM_UPS ? 'warm-up' : 'ours'),
        })
        meter?.start()
        const bareMs = await bare.run(() => meter?.stop(i < WARM_UPS ? 'warm-up' : 'bare'))
        if (i < WARM_UPS) continue
        ours.push(ms)
        theirs.push(bareMs)
      }
    } finally {
      await bare.close()
    }
    meter?.print()
    return toFigures(ours, theirs)
  })
}

/** The metadata service of a network comes with its first machine on a node. */
async function createBeside({ client, namespace }: BenchCloud): Promise<void> {
  const at = { namespace, name: 'beside' }
  await client.create(INSTANCE, draft.instance(at, SPEC))
  await waitForReady<Instance>(client, INSTANCE, at)
}

/** CPU by part, of our creates and of the bare loop's. */
class CpuMeter {
  readonly #cloud: BenchCloud
  readonly #runs: Record<'warm-up' | 'ours' | 'bare', CpuByPart[]> = { 'warm-up': [], ours: [], bare: [] }
  #before: CpuByPart = new Map()

  constructor(cloud: BenchCloud) {
    this.#cloud = cloud
  }

  start(): void {
    this.#before = readCpu(listParts(this.#cloud))
  }

  stop(which: 'warm-up' | 'ours' | 'bare'): void {
    this.#runs[which].push(since(this.#before, readCpu(listParts(this.#cloud))))
  }

  print(): void {
    const [ours, bare] = [meanOf(this.#runs.ours), meanOf(this.#runs.bare)]
    console.log('CPU of one machine until it runs, ms: ours, and while the bare loop makes one')
    for (const [part, ms] of ours)
      console.log(`${ms.toFixed(0).padStart(6)} ${(bare.get(part) ?? 0).toFixed(0).padStart(6)}  ${part}`)
  }
}

interface Watching {
  whileItRuns?: (uid: string, portUid: string) => Promise<void>
  audit?: AuditLog
  onActive: () => void
}

async function createOne(cloud: BenchCloud, name: string, { whileItRuns, audit, onActive }: Watching): Promise<number> {
  const { client, namespace } = cloud
  const at = { namespace, name }
  const wallMs = Date.now()
  const startedAt = performance.now()
  await client.create(INSTANCE, draft.instance(at, SPEC))
  const instance = await waitForReady<Instance>(client, INSTANCE, at)
  const ms = performance.now() - startedAt
  onActive()
  if (instance.status?.node !== NODE_NAME) throw new Error(`${name} runs on ${instance.status?.node ?? 'no node'}`)
  if (whileItRuns) {
    const ports = await client.list<Port>(PORT, { namespace })
    const port = ports.find((p) => p.status?.instance?.uid === instance.metadata.uid)
    await whileItRuns(instance.metadata.uid, port?.metadata.uid ?? '')
  }
  if (audit) {
    const steps = (await audit.read()).map((w) => `${Date.parse(w.at) - wallMs} ${w.verb} ${w.resource}`)
    console.log(`${name}: ${ms.toFixed(0)} ms; ${steps.join(', ')}`)
  }
  await client.remove(INSTANCE, at)
  await waitForGone(client, INSTANCE, at)
  return ms
}

function toFigures(ours: number[], theirs: number[]): Figure[] {
  const common = { bench: 'create', unit: 'ms', n: ours.length }
  const peer = (value: number) => ({ peer: { name: 'bare loop', value } })
  const overMedian = median(ours) - median(theirs)
  const overP95 = quantile(ours, 0.95) - quantile(theirs, 0.95)
  return [
    toFigure({ ...common, metric: 'created to ACTIVE, median', value: median(ours), ...peer(median(theirs)) }),
    toFigure({
      ...common,
      metric: 'created to ACTIVE, p95',
      value: quantile(ours, 0.95),
      ...peer(quantile(theirs, 0.95)),
    }),
    toFigure({
      ...common,
      metric: 'over the bare loop, median',
      value: overMedian,
      target: { text: '≤ +150 ms', pass: overMedian <= 150 },
    }),
    toFigure({
      ...common,
      metric: 'over the bare loop, p95',
      value: overP95,
      target: { text: '≤ +400 ms', pass: overP95 <= 400 },
    }),
  ]
}
