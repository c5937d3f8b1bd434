// SPDX-License-Identifier: Apache-2.0
// From the request that creates an Instance to the watch event that says ACTIVE, which it says when libvirt runs the machine and OVN has
// installed its port's flows; over the bare loop, turn by turn on one node, each guest gone before the next begins.
import * as draft from '../e2e/harness/objects.ts'
import { waitForGone, waitForReady } from '../e2e/harness/wait.ts'
import { INSTANCE, PORT } from '../lib/api/kinds.ts'
import type { Instance, Port } from '../lib/api/types.ts'
import { median, quantile, toFigure, type Figure } from './figure.ts'
import { AuditLog } from './harness/audit-log.ts'
import { BareLoop } from './harness/bare-loop.ts'
import { prepareProject, withCloud, type BenchCloud } from './harness/bench-cloud.ts'
import { findOption, hasFlag } from './harness/arguments.ts'

export const about =
  'an Instance from created to ACTIVE, image cached, against overlay, define, start and plug of the same domain'

const NODE_NAME = 'compute-1'
const ZONE = 'zone-a'
const WARM_UPS = 3

/** @param args --n N (40); --profile: also when each write of the operator happened, from the audit log */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const n = findOption(args, 'n', 40)
  const profile = hasFlag(args, 'profile')
  return withCloud('create', { auditLog: profile }, async (cloud) => {
    await prepareProject(cloud)
    const bare = new BareLoop(cloud.cloud, NODE_NAME)
    const audit = profile ? new AuditLog(cloud.cloud.layout.controlPlane) : undefined
    const ours: number[] = []
    const theirs: number[] = []
    try {
      for (let i = 0; i < WARM_UPS + n; i++) {
        const isFirst = i === 0
        await audit?.read()
        const ms = await createOne(cloud, `m-${i}`, isFirst ? (uid, port) => bare.copy(uid, port) : undefined, audit)
        const bareMs = await bare.run()
        if (i < WARM_UPS) continue
        ours.push(ms)
        theirs.push(bareMs)
      }
    } finally {
      await bare.close()
    }
    return toFigures(ours, theirs)
  })
}

async function createOne(
  cloud: BenchCloud,
  name: string,
  whileItRuns: ((uid: string, portUid: string) => Promise<void>) | undefined,
  audit: AuditLog | undefined,
): Promise<number> {
  const { client, namespace } = cloud
  const at = { namespace, name }
  const spec = { networks: [{ networkRef: { name: 'net' } }], availabilityZone: ZONE }
  const wallMs = Date.now()
  const startedAt = performance.now()
  await client.create(INSTANCE, draft.instance(at, spec))
  const instance = await waitForReady<Instance>(client, INSTANCE, at)
  const ms = performance.now() - startedAt
  if (instance.status?.node !== NODE_NAME) throw new Error(`${name} runs on ${instance.status?.node ?? 'no node'}`)
  if (whileItRuns) {
    const [port] = await client.list<Port>(PORT, { namespace })
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
