// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import { IP_CLAIM } from '../../lib/api/kinds.ts'
import type { IPClaim } from '../../lib/api/types.ts'
import { ApiError, isAlreadyExists } from '../../lib/kube/errors.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import type { Context } from '../command-line/command.ts'
import { STAGES } from './order.ts'
import type { Plan, Step } from './plan.ts'

const LOOK_MS = 1000

export interface Applied {
  made: number
  /** What the apiserver refused, and addresses that were not taken, for people. */
  troubles: string[]
  /** Some of the addresses that are to be kept are not taken, so that those who would be given any were not made. */
  isHalted: boolean
}

type Doing = Pick<Context, 'client' | 'signal' | 'progress' | 'timeoutMs' | 'isForced'>

interface Awaited {
  step: Step
  uid: string
}

/**
 * Makes stage after stage; what is there since is left as it is. A refused object ends nothing, but before addresses are given to anybody, all that
 * are to be kept must be taken, or `--force` says that they need not.
 */
export async function applyPlan({ steps, withheld }: Plan, doing: Doing): Promise<Applied> {
  const { client, signal, progress, isForced } = doing
  const applied: Applied = { made: 0, troubles: [], isHalted: false }
  for (const stage of STAGES) {
    const mayGive = stage === 'balancers' || stage === 'rest' || stage === 'known and unknown addresses'
    const own = steps.filter((step) => step.stage === stage)
    if (mayGive && own.some(({ live }) => !live) && !isForced && withheld.length + applied.troubles.length > 0) {
      applied.isHalted = true
      return applied
    }
    const awaited: Awaited[] = []
    for (const step of own) {
      progress(`${stage}: ${step.name}`)
      const object = step.live ?? (await make(step))
      if (object) awaited.push({ step, uid: object.metadata.uid })
    }
    applied.troubles.push(...(await waitForClaims(awaited.filter(isAwaited), doing)))
  }
  return applied

  async function make({ kind, object, name }: Step): Promise<KubeObject | undefined> {
    try {
      const created = await client.create<KubeObject>(kind, object, { signal })
      applied.made++
      return created
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      const { message } = error
      const why = isAlreadyExists(error) ? 'somebody has made it meanwhile' : message
      applied.troubles.push(`${name}: ${why}`)
      return undefined
    }
  }
}

/** One that was there may ask for other addresses by now. */
function isAwaited({ step: { live, addresses } }: Awaited): boolean {
  const asked = live && JSON.stringify(live.spec)
  return (
    addresses.length > 0 && (asked === undefined || addresses.every(({ address }) => asked.includes(`"${address}"`)))
  )
}

/** @returns what is not taken, or by another, for people */
async function waitForClaims(awaited: readonly Awaited[], doing: Doing): Promise<string[]> {
  const { client, signal, progress, timeoutMs } = doing
  if (awaited.length === 0) return []
  for (const end = Date.now() + timeoutMs; ;) {
    const open = listOpen(awaited, await client.list<IPClaim>(IP_CLAIM, { signal }))
    const isOver = Date.now() >= end || open.every(({ isTaken }) => isTaken)
    if (isOver) return open.map(({ what }) => what)
    progress(`addresses to be taken: ${open.length}`)
    await sleep(LOOK_MS, undefined, { signal })
  }
}

function listOpen(awaited: readonly Awaited[], claims: readonly IPClaim[]): { what: string; isTaken: boolean }[] {
  const byAddress = new Map(
    claims.flatMap(({ metadata, spec }) =>
      spec.claims.map((entry) => [`${metadata.namespace}/${spec.subnetRef.name} ${entry.address}`, entry] as const),
    ),
  )
  return awaited.flatMap(({ step, uid }) =>
    step.addresses.flatMap(({ namespace, subnet, address }) => {
      const entry = byAddress.get(`${namespace}/${subnet} ${address}`)
      const { metadata } = step.object
      const isOwn =
        entry !== undefined &&
        (entry.instanceUid === uid ||
          entry.ownerRef?.uid === uid ||
          (entry.portRef?.name === metadata.name && entry.portRef.namespace === metadata.namespace))
      if (isOwn) return []
      const state = entry ? 'another has it' : 'not taken yet'
      return [
        {
          what: `${step.name}: address ${address} of Subnet ${namespace}/${subnet}: ${state}`,
          isTaken: entry !== undefined,
        },
      ]
    }),
  )
}
