// SPDX-License-Identifier: Apache-2.0
// Placements of members of ServerGroups in the apiserver, half of them with policy affinity and half with anti-affinity, in turns with
// machines of no group.
import { INSTANCE, SERVER_GROUP } from '../lib/api/kinds.ts'
import { findOption, hasFlag } from './harness/arguments.ts'
import { toFigure, type Figure } from './harness/figure.ts'
import { Placed, runRound, total, untilIdle, type Round } from './harness/rounds.ts'
import { withScaleCloud } from './harness/scale-cloud.ts'
import { createMachine, machineAt, makeProjects, PROJECTS } from './harness/standing.ts'

export const about = 'placements a second, in the apiserver, of members of groups and of machines of no group'

/** Of each group. */
const MEMBERS = 10
const LEAST = 0.9

/** @param args --n 5000 of each; --round 490; --nodes 5000; --profile: of the operator, into the working directory */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const n = findOption(args, 'n', 5_000)
  const size = findOption(args, 'round', PROJECTS * MEMBERS * 7)
  const nodes = findOption(args, 'nodes', 5_000)
  const profile = hasFlag(args, 'profile')
  return withScaleCloud({ nodes, isHeld: true, heartbeatSeconds: 60, profile }, async (cloud) => {
    const { client, operator, plane } = cloud
    await makeProjects(client, { hasNetwork: false })
    const placed = Placed.watch(client, INSTANCE, 'status.node!=')
    const processes = { scheduler: operator.pid, apiserver: plane.processes.apiserver?.pid ?? 0 }
    const [plain, grouped]: [Round[], Round[]] = [[], []]
    for (let from = 0; from < 2 * (n + size); from += 2 * size) {
      await untilIdle(operator.pid)
      const without = await runRound(placed, size, processes, (i) => createMachine(client, from + i))
      const first = from + size
      for (let i = 0; i < size; i += MEMBERS * PROJECTS)
        for (let project = 0; project < PROJECTS; project++) await makeGroup(first + i + project)
      await untilIdle(operator.pid)
      const within = await runRound(placed, size, processes, (i) =>
        createMachine(client, first + i, { serverGroupRef: { name: groupOf(first + i) } }),
      )
      console.log(`${from}: ${rateOf(without)}/s without a group, ${rateOf(within)}/s in groups`)
      if (from === 0) continue
      plain.push(without)
      grouped.push(within)
    }
    placed.close()
    const writes = (await operator.countWrites()).get('updateStatus servergroups.nephele.dev') ?? 0
    console.log(`${(writes / (n + size)).toFixed(2)} updateStatus servergroups.nephele.dev for one member`)
    return toFigures(total(plain), total(grouped))

    function makeGroup(i: number): Promise<unknown> {
      const { namespace } = machineAt(i)
      const policy = groupNumber(i) % 2 === 0 ? 'affinity' : 'anti-affinity'
      return client.create(SERVER_GROUP, { metadata: { namespace, name: groupOf(i) }, spec: { policy } })
    }
  })
}

/** The same for as many machines of each project as a group has members. */
const groupNumber = (i: number) => Math.floor(i / (MEMBERS * PROJECTS))
const groupOf = (i: number) => `group-${groupNumber(i)}`
const rateOf = ({ count, seconds }: Round) => (count / seconds).toFixed(0)

function toFigures(plain: ReturnType<typeof total>, grouped: ReturnType<typeof total>): Figure[] {
  const bench = 'groups'
  const n = grouped.count
  const ratio = grouped.rate / plain.rate
  const name = 'without a group'
  const cpu = (of: string) => ({
    ...{ bench, metric: `CPU of the ${of} for one`, value: grouped.cpuEach(of), unit: 'ms', n },
    peer: { name, value: plain.cpuEach(of) },
  })
  return [
    toFigure({
      ...{ bench, metric: 'placements a second in groups', value: grouped.rate, unit: '1/s', n },
      peer: { name, value: plain.rate },
      target: { text: `≥ ${LEAST} x`, pass: ratio >= LEAST },
    }),
    toFigure(cpu('scheduler')),
    toFigure(cpu('apiserver')),
  ]
}
