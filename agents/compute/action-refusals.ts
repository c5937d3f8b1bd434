// SPDX-License-Identifier: Apache-2.0
// Why a node does not begin what is to be done to a machine. Pure.
import { MACHINE_ACTIONS, type MachineAction, type MachineActionType } from '../../lib/contract/documents.ts'
import type { RunState } from '../../lib/contract/documents.ts'
import type { PowerSeen } from './power-record.ts'

/** What was asked for long ago, of a node that was silent since, is expected by nobody. */
export function whyTooLate(
  { notAfter }: Pick<MachineAction, 'notAfter'>,
  nowMs: number,
): { reason: string; message: string } | undefined {
  if (notAfter === undefined || nowMs <= Date.parse(notAfter)) return undefined
  const message = `it was not begun: its time was over at ${notAfter}, and by the clock of the node it is ${new Date(nowMs).toISOString()}`
  return { reason: 'DeadlineExceeded', message }
}

/** Those that mean the system of the machine's own disk. */
const OWN_SYSTEM: ReadonlySet<string> = new Set(['Rebuild', 'Rescue', 'SetAdminPassword', 'Snapshot'])
/** Those that need no guest. */
const OF_ANY_POWER: ReadonlySet<string> = new Set(['HardReboot', 'Rebuild', 'Rescue', 'Unrescue'])

/** Which disk it boots from has nothing to do with whether it is to be off. */
export function isObeyed(type: string, runState: RunState): boolean {
  return runState === 'Running' || (runState === 'Stopped' && (type === 'Rescue' || type === 'Unrescue'))
}

export function findRefusal(
  { spec, instance, record }: Pick<PowerSeen, 'instance' | 'record'> & { spec: { runState: RunState } },
  { type, rescueDisk }: Pick<MachineAction, 'type' | 'rescueDisk'>,
): { reason: string; message: string } | undefined {
  if (!MACHINE_ACTIONS.includes(type as MachineActionType))
    return { reason: 'UnsupportedAction', message: `the agent of the node does not know ${type}: update it` }
  if (record.rescue && OWN_SYSTEM.has(type))
    return { reason: 'InstanceRescued', message: 'the machine is in rescue: an Unrescue ends that' }
  if (type === 'Snapshot') return undefined
  if (!isObeyed(type, spec.runState)) return otherRunState(spec.runState)
  if (type === 'Unrescue' && (record.rescue === undefined || record.rescue.disk !== rescueDisk)) {
    const has = record.rescue ? `from rescue disk ${record.rescue.disk}` : 'from its own root disk'
    return { reason: 'InstanceNotRescued', message: `the machine boots ${has}, and not from rescue disk ${rescueDisk}` }
  }
  if (OF_ANY_POWER.has(type) || instance.power === 'running') return undefined
  const help = type === 'SoftReboot' ? ': a hard reboot ends, and starts, it in any state' : ''
  return { reason: 'InstanceNotRunning', message: `the machine is ${instance.power}${help}` }
}

export function otherRunState(runState: RunState): { reason: string; message: string } {
  return { reason: 'RunStateChanged', message: `spec.runState of the machine is ${runState}` }
}
