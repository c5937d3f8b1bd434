// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'
import { isPlugged } from '../../../lib/contract/plugged-port.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { done, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { Binding } from './binding.ts'

/** Turns the node's report on the port into its status. Pure but for `port.status`. */
export function observePort(port: Port, binding: Binding, observed: ObservedDocument | undefined): Outcome {
  const status = (port.status ??= {})
  const isCurrent =
    observed !== undefined &&
    observed.versions.epoch === binding.epoch &&
    observed.versions.generation >= (port.metadata.generation ?? 0)
  if (isCurrent && observed.state === 'refused') {
    throw new TerminalError(
      observed.error?.reason ?? 'Refused',
      observed.error?.message ?? `node ${binding.node} refused the port`,
    )
  }
  if (isCurrent && observed.state === 'active') {
    record(port, binding)
    status.state = 'ACTIVE'
    return done
  }
  // A machine that is off has no interface that could be plugged.
  if ((binding.instance.spec.runState ?? 'Running') === 'Stopped') {
    record(port, binding)
    status.state = 'DOWN'
    return done
  }
  if (isCurrent && isPlugged(observed)) {
    record(port, binding)
    status.state = 'DOWN'
    return waitFor(
      'LinkDown',
      `plugged on node ${binding.node}, but the machine's network driver does not answer: its guest is still booting, or has no virtio driver`,
    )
  }
  status.state = status.state === 'ACTIVE' && observed === undefined ? 'ACTIVE' : 'BUILD'
  if (isCurrent && observed.state === 'failed') {
    return waitFor(
      observed.error?.reason ?? 'PlugFailed',
      observed.error?.message ?? `node ${binding.node} cannot plug it yet`,
    )
  }
  return waitFor('Plugging', `waiting for node ${binding.node} to plug it`)
}

function record(port: Port, binding: Binding): void {
  const status = (port.status ??= {})
  status.node = binding.node
  status.epoch = binding.epoch
  status.instance = { name: binding.instance.metadata.name, uid: binding.instance.metadata.uid }
}
