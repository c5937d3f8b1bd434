// SPDX-License-Identifier: Apache-2.0
// From the request that makes an Instance to its placement in the apiserver, against kube-scheduler binding Pods: on the same apiserver and
// etcd, to the same 5,000 Nodes, in turns. Machines and Pods are of one size and have no network. Nothing runs behind either: fake agents
// say nothing of machines, and there are no kubelets.
import { INSTANCE } from '../lib/api/kinds.ts'
import type { ResourceKind } from '../lib/kube/object.ts'
import { profileApiserver } from './harness/apiserver-profile.ts'
import { findOption, hasFlag } from './harness/arguments.ts'
import { toFigure, type Figure } from './harness/figure.ts'
import { makePodNamespace, podOf, startKubeScheduler } from './harness/kube-scheduler.ts'
import { Placed, runRound, total, untilIdle, type Round, type Total } from './harness/rounds.ts'
import { withScaleCloud, type ScaleCloud } from './harness/scale-cloud.ts'
import { createMachine, machineAt, makeProjects, PROJECTS } from './harness/standing.ts'

export const about = 'placements of machines a second, in the apiserver, against kube-scheduler binding Pods'

const PROFILE_SECONDS = 5

const POD: ResourceKind = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true }

/** @param args --n 10000 of each; --round 500; --nodes 5000; --profile: of the operator and the apiserver, into the working directory */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const n = findOption(args, 'n', 10_000)
  const size = findOption(args, 'round', 500)
  const nodes = findOption(args, 'nodes', 5_000)
  const profile = hasFlag(args, 'profile')
  return withScaleCloud({ nodes, isHeld: true, heartbeatSeconds: 60, profile }, async (cloud) => {
    await makeProjects(cloud.client, { hasNetwork: false })
    for (let i = 0; i < PROJECTS; i++) await makePodNamespace(cloud.api, machineAt(i).namespace)
    const peer = await startKubeScheduler(cloud.plane)
    const before = await cloud.operator.countWrites()
    const { ours, theirs } = await takeTurns(cloud, peer.pid, { n, size, profile })
    for (const [what, count] of await cloud.operator.countWrites())
      console.log(`${((count - (before.get(what) ?? 0)) / (n + size)).toFixed(2)} ${what} for one machine`)
    return toFigures(total(ours), total(theirs), nodes)
  })
}

async function takeTurns(
  { client, api, plane, operator }: ScaleCloud,
  peerPid: number,
  { n, size, profile }: { n: number; size: number; profile: boolean },
): Promise<{ ours: Round[]; theirs: Round[] }> {
  const common = { apiserver: plane.processes.apiserver?.pid ?? 0, etcd: plane.processes.etcd?.pid ?? 0 }
  const machines = Placed.watch(client, INSTANCE, 'status.node!=')
  const pods = Placed.watch(client, POD, 'spec.nodeName!=')
  const ours: Round[] = []
  const theirs: Round[] = []
  // The first of each counts for nothing: caches and compilers are cold.
  for (let from = 0; from < n + size; from += size) {
    await untilIdle(operator.pid)
    const look = (whose: string) =>
      profile ? profileApiserver(plane, PROFILE_SECONDS, `apiserver-${whose}-${from}.pb.gz`) : undefined
    const [mine] = await Promise.all([
      runRound(machines, size, { ...common, scheduler: operator.pid }, (i) => createMachine(client, from + i)),
      look('ours'),
    ])
    await untilIdle(operator.pid)
    const [his] = await Promise.all([
      runRound(pods, size, { ...common, scheduler: peerPid }, (i) => {
        const { namespace, name } = machineAt(from + i)
        return api.request('POST', `/api/v1/namespaces/${namespace}/pods`, podOf(name))
      }),
      look('peer'),
    ])
    await untilIdle(peerPid)
    console.log(`${from}: ours ${line(mine)}; kube-scheduler ${line(his)}`)
    if (from === 0) continue
    ours.push(mine)
    theirs.push(his)
  }
  machines.close()
  pods.close()
  return { ours, theirs }
}

function line({ count, seconds, cpu }: Round): string {
  const each = [...cpu].map(([name, ms]) => `${name} ${(ms / count).toFixed(2)}`)
  return `${(count / seconds).toFixed(0)}/s, CPU ms each: ${each.join(', ')}`
}

function toFigures(ours: Total, theirs: Total, nodes: number): Figure[] {
  const bench = 'placement'
  const n = ours.count
  const name = 'kube-scheduler'
  const share = ours.cpuEach('scheduler') / theirs.cpuEach('scheduler')
  const cpu = (of: string) => ({
    ...{ bench, unit: 'ms', n, value: ours.cpuEach(of) },
    peer: { name, value: theirs.cpuEach(of) },
  })
  return [
    toFigure({
      ...{ bench, metric: `placements a second, ${nodes} nodes`, value: ours.rate, unit: '1/s', n },
      peer: { name, value: theirs.rate },
      target: { text: '≥ 1.0 x', pass: ours.rate >= theirs.rate },
    }),
    toFigure({
      ...cpu('scheduler'),
      metric: "CPU of the scheduler's process for one",
      target: { text: '≤ 1/5', pass: share <= 1 / 5 },
    }),
    toFigure({ ...cpu('apiserver'), metric: 'CPU of the apiserver for one, its creation included' }),
    toFigure({ ...cpu('etcd'), metric: 'CPU of etcd for one' }),
  ]
}
