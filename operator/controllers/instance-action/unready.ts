// SPDX-License-Identifier: Apache-2.0
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import { isHard } from './deadline.ts'

/** `isFinal`: it fails for it, as Nova refuses it; else it waits a while. */
interface Unready {
  reason: string
  message: string
  isFinal: boolean
}

/** States in which a machine is on its way to another, or not there yet. */
const ON_ITS_WAY: ReadonlySet<string> = new Set(['BUILD', 'PAUSED', 'SUSPENDED'])

/** Those that mean the system of the machine's own disk; Nova refuses these. */
const OWN_SYSTEM: ReadonlySet<string> = new Set(['Rebuild', 'Rescue', 'SetAdminPassword', 'Snapshot'])
/** Those that need no guest; the last two not even a machine that is to run. */
const OF_ANY_POWER: ReadonlySet<string> = new Set(['Rebuild', 'Rescue', 'Unrescue'])
const APART_FROM_POWER: ReadonlySet<string> = new Set(['Rescue', 'Unrescue'])
/** Those that leave the machine as it is: Nova makes them of locked ones, too. */
const APART_FROM_LOCK: ReadonlySet<string> = new Set(['Snapshot'])

/** As Nova has it: of one that runs, is off, paused or suspended. */
function findUnmade(name: string, status: Instance['status']): Unready | undefined {
  const { state = 'BUILD', node, image } = status ?? {}
  if (node !== undefined && image && state !== 'BUILD' && state !== 'DELETING') return undefined
  return { reason: 'InstanceNotReady', message: `${name} is ${state}: waiting until it has a disk`, isFinal: false }
}

/** Why it cannot be done to this machine as it is. Pure. @param isRescued it is in rescue */
export function findUnready(
  { spec }: InstanceAction,
  { metadata, spec: machine, status }: Instance,
  isRescued: boolean,
): Unready | undefined {
  const name = `Instance ${metadata.namespace}/${metadata.name}`
  const { runState = 'Running' } = machine
  if (machine.locked === true && spec.ignoreLock !== true && !APART_FROM_LOCK.has(spec.type)) {
    const help =
      'ask an administrator of the cloud, who may set its spec.locked to false, or do this with spec.ignoreLock'
    return { reason: 'InstanceLocked', message: `${name} is locked: ${help}`, isFinal: true }
  }
  if (isRescued && OWN_SYSTEM.has(spec.type)) {
    const message = `${name} is in rescue: an InstanceAction of type Unrescue ends that`
    return { reason: 'InstanceRescued', message, isFinal: true }
  }
  if (spec.type === 'Snapshot') return findUnmade(name, status)
  if (runState !== 'Running' && !(runState === 'Stopped' && APART_FROM_POWER.has(spec.type))) {
    const message = `${name} is to be ${runState}: set its spec.runState to Running, which starts it`
    return { reason: 'InstanceNotRunning', message, isFinal: true }
  }
  const { state = 'BUILD', node } = status ?? {}
  if (node === undefined || ON_ITS_WAY.has(state)) {
    return { reason: 'InstanceNotReady', message: `${name} is ${state}: waiting until it runs`, isFinal: false }
  }
  if (state === 'ACTIVE' || state === 'RESCUE' || isHard(spec) || OF_ANY_POWER.has(spec.type)) return undefined
  const help = 'a Reboot of type Hard starts it'
  return { reason: 'InstanceNotRunning', message: `${name} is ${state}: ${help}`, isFinal: true }
}
