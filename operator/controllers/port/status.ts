// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'
import { done, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { WriterVersions } from '../../placed/document-header.ts'
import { answerOf, askedOf, plugPresence } from '../../placed/observed-facts.ts'
import { failureOf, refusalOf } from '../../placed/trouble.ts'
import type { Binding } from './binding.ts'

/** Turns the node's report on the port into its status. Pure but for `port.status`. */
export function observePort(
  port: Port,
  binding: Binding,
  observed: ObservedDocument | undefined,
  writer: WriterVersions,
): Outcome {
  const status = (port.status ??= {})
  const { node, epoch } = binding
  const asked = askedOf(port, epoch, writer)
  const answer = answerOf(observed, asked)
  const refusal = refusalOf(answer, { reason: 'Refused', message: `node ${node} refused the port` })
  if (refusal) throw refusal
  if (answer?.state === 'active') {
    record(port, binding)
    status.state = 'ACTIVE'
    return done
  }
  // A machine that is off has no interface to plug in.
  if ((binding.instance.spec.runState ?? 'Running') === 'Stopped') {
    record(port, binding)
    status.state = 'DOWN'
    return done
  }
  if (plugPresence(observed, asked) === 'present') {
    record(port, binding)
    status.state = 'DOWN'
    return waitFor(
      'LinkDown',
      `plugged on node ${node}, but the machine's network driver does not answer: its guest is still booting, or has no virtio driver`,
    )
  }
  // Without a report in this incarnation, what was known still holds.
  const isUnheard = observed?.versions.incarnation !== writer.incarnation
  status.state = status.state === 'ACTIVE' && isUnheard ? 'ACTIVE' : 'BUILD'
  // A network's SDN controller refuses it, or is silent.
  const { reason, message } = answer?.error ?? {}
  if (answer?.state === 'plugging' && reason !== undefined) return waitFor(reason, message ?? '')
  const failure = failureOf(answer, { reason: 'PlugFailed', message: `node ${node} cannot plug it yet` })
  return failure ?? waitFor('Plugging', `waiting for node ${node} to plug it`)
}

export function record(port: Port, binding: Binding): void {
  const status = (port.status ??= {})
  status.node = binding.node
  status.epoch = binding.epoch
  status.instance = { name: binding.instance.metadata.name, uid: binding.instance.metadata.uid }
}
