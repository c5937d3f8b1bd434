// SPDX-License-Identifier: Apache-2.0
// Has something done to a machine once: makes the InstanceAction, and waits for its end.
import { randomBytes } from 'node:crypto'
import { GROUP, INSTANCE, INSTANCE_ACTION, VERSION } from '../../lib/api/kinds.ts'
import type { Instance, InstanceAction } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import { ApiError } from '../../lib/kube/errors.ts'
import type { Context } from './command.ts'
import { getObject } from './find-kind.ts'
import { WaitError, waitForObject } from './wait-for-object.ts'

type Spec = InstanceAction['spec']
const REVIEW = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
/** Of a name of Kubernetes; what is added to the machine's takes the rest. */
const MOST_OF_NAME = 200

/** @param what the type in words for the object's name, such as `crash-dump`. @throws UsageError when there is no such machine */
export async function createAction(
  context: Context,
  machine: string,
  what: string,
  spec: Omit<Spec, 'instanceRef' | 'requestedBy'>,
): Promise<InstanceAction> {
  const { client, namespace, signal } = context
  // The object may name one that comes later; whoever types a name means one that is there.
  await getObject<Instance>(context, INSTANCE, machine)
  const requestedBy = await findUser(context)
  const name = makeName(machine, what)
  return client.create<InstanceAction>(
    INSTANCE_ACTION,
    {
      ...{ apiVersion: `${GROUP}/${VERSION}`, kind: INSTANCE_ACTION.kind, metadata: { namespace, name } },
      spec: { instanceRef: { name: machine }, ...spec, ...(requestedBy === undefined ? {} : { requestedBy }) },
    },
    { signal },
  )
}

/** A new name for something that is done to the machine. */
export function makeName(machine: string, what: string): string {
  return `${machine.slice(0, MOST_OF_NAME).replace(/[-.]+$/, '')}-${what}-${randomBytes(3).toString('hex')}`
}

/** @returns whether it was done; its end has been said. @param done such as `rebooted` */
export async function waitForEnd(context: Context, made: InstanceAction, done: string): Promise<boolean> {
  const { client, signal, timeoutMs, print, progress, now } = context
  const { namespace = '', name } = made.metadata
  const machine = made.spec.instanceRef.name
  let action = made
  try {
    await waitForObject<InstanceAction>(
      client,
      { kind: INSTANCE_ACTION, ref: { namespace, name } },
      {
        isWanted: isOver,
        onChange: (latest) => {
          action = latest
          progress(`${machine}: ${progressOf(latest, (Date.now() - now.getTime()) / 1000)}`)
        },
        ...{ timeoutMs, signal },
      },
    )
  } catch (error) {
    if (!(error instanceof WaitError)) throw error
    print(`${error.message}: ${progressOf(action)}. "kubectl nephele why nact/${name}" says more; it goes on meanwhile`)
    return false
  }
  if (action.status?.state === 'Succeeded') {
    print(`instance.nephele.dev/${machine} ${done}`)
    return true
  }
  print(`instance.nephele.dev/${machine} not ${done}: ${whyOf(action)}`)
  return false
}

function isOver({ status }: InstanceAction): boolean {
  return ['Succeeded', 'Failed', 'Cancelled'].includes(status?.state ?? '')
}

/** In words: state, the last step, and what it waits for. Pure. */
function progressOf(action: InstanceAction, seconds?: number): string {
  const { state = 'Pending', steps = [], progressPercent } = action.status ?? {}
  const last = steps.at(-1)?.name
  const since = seconds === undefined ? '' : ` (${Math.round(seconds)}s)`
  const ready = findCondition(action.status?.conditions, 'Ready')
  const why = state === 'Pending' && ready ? `, ${ready.reason}: ${ready.message}` : ''
  const percent = progressPercent === undefined || state !== 'Running' ? '' : ` ${progressPercent}%`
  return `${state}${percent}${last === undefined ? '' : `, after ${last}`}${since}${why}`
}

function whyOf({ status }: InstanceAction): string {
  const ready = findCondition(status?.conditions, 'Ready')
  return ready ? `${ready.reason}: ${ready.message}` : (status?.state ?? 'unknown')
}

/** Whose request it is, where the apiserver does not write it; who cannot be asked for stays unnamed. */
export async function findUser({ client, signal }: Context): Promise<string | undefined> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  try {
    const review = await client.review<{ status?: { userInfo?: { username?: string } } }>(REVIEW, body, { signal })
    return review.status?.userInfo?.username
  } catch (error) {
    if (error instanceof ApiError) return undefined
    throw error
  }
}
