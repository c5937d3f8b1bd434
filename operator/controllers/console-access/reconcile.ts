// SPDX-License-Identifier: Apache-2.0
import { CONSOLE_ACCESS } from '../../../lib/api/kinds.ts'
import type { ConsoleAccess, Instance } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { MOST_CONSOLES, type ConsoleState } from '../../../lib/contract/documents.ts'
import { toNodeToken } from '../../../lib/contract/subjects.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { toTime } from '../../../lib/time/rfc3339.ts'
import { findAbsence } from '../../placed/absence.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { instanceKeyOf, isOver } from './kind.ts'
import { makeToken } from './token-secret.ts'

type Deps = Pick<OperatorDeps, 'bus' | 'caches' | 'consoleURL'>
type AccessRun = Pick<Run, 'client' | 'signal' | 'now' | 'event'>

const DEFAULT_TTL_SECONDS = 120
/** One that was opened in the last moment is heard of by then. */
const LATE_MS = 10_000
/** How long one that is over is kept. */
const KEPT_MS = 600_000

/** Pending until its machine has a place and the node knows the token's hash; Ready until it is opened, once, or its time is over. */
export async function reconcileConsoleAccess(access: ConsoleAccess, deps: Deps, run: AccessRun): Promise<Outcome> {
  if (access.metadata.deletionTimestamp !== undefined) return done
  if (isOver(access)) return expire(access, run)
  const status = (access.status ??= {})
  status.state ??= 'Pending'
  return status.tokenSHA256 === undefined ? begin(access, deps, run) : follow(access, deps, run)
}

async function begin(access: ConsoleAccess, deps: Deps, run: AccessRun): Promise<Outcome> {
  if (deps.consoleURL === undefined) {
    const message = 'this cloud has no console process: its administrator sets console.url of the chart'
    return fail(access, { reason: 'ConsolesOff', message }, run)
  }
  const place = findPlace(access, deps)
  if ('outcome' in place) {
    const leftMs = endMsOf(access) - run.now.getTime()
    return leftMs <= 0 ? fail(access, place.outcome, run) : { ...place.outcome, retryAfterMs: leftMs }
  }
  const { node, epoch, uid } = place
  const { secretName, tokenSHA256 } = await makeToken(access, run)
  Object.assign((access.status ??= {}), {
    ...{ node, epoch, instanceUID: uid, tokenSHA256 },
    tokenSecretRef: { name: secretName },
    url: `${deps.consoleURL}/${(access.spec.type ?? 'Serial').toLowerCase()}/${toNodeToken(node)}/${uid}/${access.metadata.uid}`,
    notAfter: toTime(new Date(endMsOf(access))),
  })
  return saved
}

type Wait = Extract<Outcome, { kind: 'wait' }>

/** Where its machine is, or what is waited for. */
function findPlace(
  access: ConsoleAccess,
  deps: Deps,
): { node: string; epoch: number; uid: string } | { outcome: Wait } {
  const wait = (reason: string, message: string) => ({ outcome: waitFor(reason, message) as Wait })
  const key = instanceKeyOf(access)
  const machine = deps.caches.instances.findByKey(key)
  if (!machine)
    return wait(
      'InstanceNotFound',
      `Instance ${key} in spec.instanceRef does not exist: create it, and this goes on by itself`,
    )
  const { metadata, status } = machine
  if (metadata.deletionTimestamp !== undefined)
    return wait('InstanceDeleting', `Instance ${key} in spec.instanceRef is being deleted`)
  if (status?.node === undefined)
    return wait('InstanceNotReady', `Instance ${key} has no node yet: waiting until it has`)
  const absent = findAbsence(status.node, { held: 'the machine', noun: 'ConsoleAccess' }, deps)
  if (absent) return { outcome: absent as Wait }
  if (deps.caches.consoleAccesses.listBy('given', metadata.uid).length >= MOST_CONSOLES)
    return wait(
      'TooManyConsoles',
      `Instance ${key} has ${MOST_CONSOLES} other ConsoleAccesses that are not over: delete some`,
    )
  return { node: status.node, epoch: status.epoch ?? 0, uid: metadata.uid }
}

function follow(access: ConsoleAccess, deps: Deps, run: AccessRun): Outcome {
  const status = (access.status ??= {})
  const { node = '', instanceUID = '' } = status
  const gone = whyGone(access, deps.caches.instances.findByKey(instanceKeyOf(access)))
  const said = findSaid(access, deps)
  if (said === 'Closed' || (status.openedAt !== undefined && (gone || said === 'Waiting'))) return close(access, run)
  if (gone) return fail(access, gone, run)
  const lateMs = endMsOf(access) + LATE_MS - run.now.getTime()
  if (said !== 'Open' && status.openedAt === undefined && lateMs <= 0)
    return fail(access, { reason: 'Expired', message: 'nobody opened it in time: make a new ConsoleAccess' }, run)
  const again = (outcome: Outcome): Outcome =>
    status.openedAt === undefined ? ({ ...outcome, retryAfterMs: lateMs } as Outcome) : outcome
  const absent = findAbsence(node, { held: 'the machine', noun: 'ConsoleAccess' }, deps)
  if (absent) return again(absent)
  if (said === 'Open') {
    if (status.openedAt === undefined) {
      status.openedAt = toTime(run.now)
      run.event({ type: 'Normal', reason: 'ConsoleOpened', action: 'Open', note: noteOf(access, 'was opened') })
    }
    status.state = 'Open'
    return done
  }
  if (said === undefined)
    return again(
      waitFor('Provisioning', `waiting for node ${node} to hear of it, of the machine with UID ${instanceUID}`),
    )
  status.state = 'Ready'
  return again(done)
}

/**
 * What its node says of it now, in a report on this placement; an agent that knows no such console says nothing of it. One that does not, and comes
 * after one that has opened it, as after a rollback, keeps none open: that was used.
 */
function findSaid({ metadata, spec, status }: ConsoleAccess, { bus }: Deps): ConsoleState | undefined {
  const report = bus.observed.find('instance', status?.instanceUID ?? '', status?.node ?? '')
  if (report?.versions.epoch !== status?.epoch) return undefined
  const said = report?.facts.consoles?.find(({ uid }) => uid === metadata.uid)
  if (!said || said.state === 'Closed' || (said.type ?? 'Serial') === (spec.type ?? 'Serial')) return said?.state
  return status?.openedAt === undefined ? undefined : 'Closed'
}

function whyGone(
  { status, spec }: ConsoleAccess,
  machine: Instance | undefined,
): { reason: string; message: string } | undefined {
  const name = `Instance ${spec.instanceRef.name}`
  if (machine?.metadata.uid !== status?.instanceUID || machine?.metadata.deletionTimestamp !== undefined)
    return { reason: 'InstanceGone', message: `${name} was deleted` }
  if (machine?.status?.node !== status?.node || (machine?.status?.epoch ?? 0) !== status?.epoch)
    return { reason: 'InstanceMoved', message: `${name} has left node ${status?.node ?? ''}: make a new ConsoleAccess` }
  return undefined
}

function close(access: ConsoleAccess, run: AccessRun): Outcome {
  run.event({ type: 'Normal', reason: 'ConsoleClosed', action: 'Close', note: noteOf(access, 'was closed') })
  return finish(
    access,
    'Closed',
    { reason: 'Closed', message: 'it was used: make a new ConsoleAccess for the next time' },
    run,
  )
}

function fail(access: ConsoleAccess, why: { reason: string; message: string }, run: AccessRun): Outcome {
  return finish(access, 'Failed', why, run)
}

function finish(
  access: ConsoleAccess,
  state: 'Closed' | 'Failed',
  { reason, message }: { reason: string; message: string },
  { now }: AccessRun,
): Outcome {
  Object.assign((access.status ??= {}), { state, completionTime: toTime(now) })
  return waitFor(reason, message, KEPT_MS)
}

/** Until when it may be opened. */
function endMsOf({ metadata, spec }: ConsoleAccess): number {
  return Date.parse(metadata.creationTimestamp ?? '') + (spec.ttlSeconds ?? DEFAULT_TTL_SECONDS) * 1000
}

async function expire(access: ConsoleAccess, { client, signal, now }: AccessRun): Promise<Outcome> {
  const { metadata, status } = access
  const leftMs = Date.parse(status?.completionTime ?? '') + KEPT_MS - now.getTime()
  if (leftMs > 0) {
    const why = findCondition(status?.conditions, 'Ready')
    return waitFor(why?.reason ?? 'Closed', why?.message ?? 'it was used', leftMs)
  }
  const { namespace = '', name, uid } = metadata
  await client.remove(CONSOLE_ACCESS, { namespace, name }, { preconditions: { uid }, signal })
  return done
}

function noteOf({ spec: { instanceRef, requestedBy, type } }: ConsoleAccess, what: string): string {
  const by = requestedBy === undefined ? '' : `, asked for by ${requestedBy},`
  return `the ${type === 'Log' ? 'console log' : 'console'} of Instance ${instanceRef.name}${by} ${what}`
}
