// SPDX-License-Identifier: Apache-2.0
// Machines that wait for a node, and what happens on nodes meanwhile: how many of them are looked at again for it. In process: the scheduler, the
// room in which they wait, and each of them asking again when it is woken.
import type { Instance } from '../lib/api/types.ts'
import type { OperatorDeps } from '../operator/controllers/common/deps.ts'
import { tellClaim } from '../operator/controllers/common/machine-claims.ts'
import { WaitingRoom } from '../operator/controllers/common/waiting-room.ts'
import type { Amounts } from '../operator/scheduler/nodes/amounts.ts'
import type { Scheduler } from '../operator/scheduler/scheduler.ts'
import { makeCloud } from './harness/decisions.ts'
import { toFigure, type Figure } from './harness/figure.ts'

export const about =
  'decisions about 2,000 machines that wait, larger than any node, while 50 others are placed, are built and go at 1,000 nodes, and the CPU of it; beside it with all of them woken each time'

const [NODES, WAITING, OTHERS] = [1_000, 2_000, 50]
const SMALL = { vcpus: 1, memoryMiB: 1024, diskGiB: 10 }
const LARGE = { ...SMALL, memoryMiB: 300_000 }

export function run(): Promise<Figure[]> {
  const [precise, all] = [happen(false), happen(true)]
  return Promise.resolve(
    Object.entries(precise).flatMap(([what, { decisions, ms }]) => {
      const peer = (value: number | undefined) => ({ name: 'all woken', value: value ?? 0 })
      const isFree = what === 'go'
      return [
        toFigure({
          ...{ bench: 'waiting', metric: `decisions while others ${what}`, value: decisions, unit: '', n: OTHERS },
          ...{ peer: peer(all[what]?.decisions) },
          ...(isFree ? {} : { target: { text: '0', pass: decisions === 0 } }),
        }),
        toFigure({
          ...{ bench: 'waiting', metric: `CPU while others ${what}`, value: ms, unit: 'ms', n: OTHERS },
          ...{ peer: peer(all[what]?.ms) },
        }),
      ]
    }),
  )
}

/** @param wakesAll whatever happens, as if nobody knew whom it may help */
function happen(wakesAll: boolean): Record<string, { decisions: number; ms: number }> {
  const scheduler = makeCloud(NODES)
  const waitingRoom = new WaitingRoom()
  const woken = new Set<string>()
  let decisions = 0
  waitingRoom.onWake((key) => woken.add(key))
  const wait = (key: string) => {
    decisions++
    const choice = ask(scheduler, key, LARGE)
    if (choice.ok) throw new Error(`${choice.node} has room for ${key}`)
    waitingRoom.enter(key, { for: 'place', turns: choice.turns })
  }
  for (let i = 0; i < WAITING; i++) wait(`waits-${i}`)

  const claims = (uid: string, change: () => unknown) => {
    const before = scheduler.findClaim(uid) ?? []
    change()
    const claimedNodes = { changed: () => undefined }
    const deps = { scheduler, waitingRoom, claimedNodes } as unknown as OperatorDeps
    tellClaim({ metadata: { name: uid, uid } } as Instance, before, deps)
    if (wakesAll) waitingRoom.wakeAll()
    for (const key of woken) wait(key)
    woken.clear()
  }
  const measure = (each: (uid: string) => unknown) => {
    decisions = 0
    const before = process.cpuUsage()
    for (let i = 0; i < OTHERS; i++) claims(`other-${i}`, () => each(`other-${i}`))
    const { user, system } = process.cpuUsage(before)
    return { decisions, ms: (user + system) / 1_000 }
  }
  return {
    'are placed': measure((uid) => ask(scheduler, uid, SMALL)),
    'are built': measure((uid) =>
      scheduler.confirm(
        uid,
        (scheduler.findClaim(uid) ?? []).map((one) => ({ ...one, isBuilding: false })),
      ),
    ),
    go: measure((uid) => scheduler.forget(uid)),
  }
}

function ask(scheduler: Scheduler, uid: string, amounts: Amounts) {
  return scheduler.place({ uid, amounts, excluded: new Map(), requireKvm: false, needsVhostUser: false })
}
