// SPDX-License-Identifier: Apache-2.0
import { named, say, type Finding } from './finding.ts'
import type { PortEnd } from './question.ts'

/** What OVN's tables do not know: whether there is a machine that runs behind a Port. Pure. */
export function findOff({ port, instance }: Pick<PortEnd, 'port' | 'instance'>): Finding | undefined {
  const { state, router, node } = port.status ?? {}
  const of = named('Port', port)
  if (router || port.spec.vnicType === 'external') return undefined
  if (!instance) {
    const message = `${say(of)} is no machine's: name it in spec.networks of an Instance, or in a Trunk`
    return node === undefined ? { reason: 'PortUnused', message, of } : undefined
  }
  const machine = named('Instance', instance)
  if (instance.status?.state !== 'ACTIVE' && instance.status?.state !== 'RESCUE') {
    const message = `${say(machine)} does not run (${instance.status?.state ?? 'BUILD'}): its spec.runState and its conditions say why`
    return { reason: 'InstanceNotRunning', message, of: machine }
  }
  if (state === 'ACTIVE') return undefined
  const message = `${say(of)} is ${state ?? 'BUILD'}: kubectl describe says what it waits for`
  return { reason: 'PortDown', message, of }
}
