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

/** Why it cannot be done to this machine as it is. Pure. */
export function findUnready(
  { spec }: InstanceAction,
  { metadata, spec: machine, status }: Instance,
): Unready | undefined {
  const name = `Instance ${metadata.namespace}/${metadata.name}`
  const { runState = 'Running' } = machine
  if (runState !== 'Running') {
    const message = `${name} is to be ${runState}: set its spec.runState to Running, which starts it`
    return { reason: 'InstanceNotRunning', message, isFinal: true }
  }
  const { state = 'BUILD', node } = status ?? {}
  if (node === undefined || ON_ITS_WAY.has(state)) {
    return { reason: 'InstanceNotReady', message: `${name} is ${state}: waiting until it runs`, isFinal: false }
  }
  if (state === 'ACTIVE' || isHard(spec)) return undefined
  const help = 'a Reboot of type Hard starts it'
  return { reason: 'InstanceNotRunning', message: `${name} is ${state}: ${help}`, isFinal: true }
}
