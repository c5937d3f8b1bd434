// SPDX-License-Identifier: Apache-2.0
import type { Orphan, ProbeDocument, Tombstone } from '../../../lib/contract/documents.ts'
import type { ProbeAnswer } from '../../../lib/contract/probe.ts'
import { TransientError } from '../../../lib/errors.ts'
import type { KindReconciler, NodeState, Observation, RunContext } from '../../runtime/reconciler.ts'
import type { ProbeDriver, ProbeRequest } from './probe-driver.ts'
import type { ProbeRecords } from './probe-records.ts'

export interface ProbeReconcilerOptions {
  driver: ProbeDriver
  records: ProbeRecords
  now?: () => Date
}

/**
 * Sends a probe once, and says what came back for as long as the document is there. What was sent is recorded before: a run that ended in
 * between, by a restart, ends it with an answer that nobody knows.
 */
export class ProbeReconciler implements KindReconciler<'probe'> {
  readonly kind = 'probe'
  readonly #options: ProbeReconcilerOptions

  constructor(options: ProbeReconcilerOptions) {
    this.#options = options
  }

  async reconcile(document: ProbeDocument, context: RunContext): Promise<Observation<'probe'>> {
    const { records, driver } = this.#options
    const { uid } = document
    const record = await records.find(uid)
    if (record) return done(record.answer ?? interrupted(record.sentAt))
    context.report({ state: 'sending' })
    let sentAt = ''
    const onSending = async () => {
      sentAt = (this.#options.now?.() ?? new Date()).toISOString()
      await records.write(uid, { sentAt })
    }
    const answer = await driver.send(requestOf(document, context), onSending, context.signal).then(
      (finding) => ({ ...finding, sentAt }),
      (error: unknown) => {
        if (sentAt === '' || context.signal.aborted) throw error
        context.log.warn({ err: error }, 'the answer to a probe is lost')
        return interrupted(sentAt)
      },
    )
    await records.write(uid, { sentAt, answer })
    context.log.info({ result: answer.result, protocol: document.spec.protocol }, 'probe sent')
    return done(answer)
  }

  async remove({ uid }: Tombstone): Promise<Observation<'probe'>> {
    await this.#options.records.remove(uid)
    return { state: 'gone' }
  }

  async listOwned(): Promise<Orphan[]> {
    return (await this.#options.records.list()).map((uid) => ({ kind: 'probe', uid, what: 'record of a probe' }))
  }
}

function done(probeAnswer: ProbeAnswer): Observation<'probe'> {
  return { state: 'done', facts: { probeAnswer } }
}

function interrupted(sentAt: string): ProbeAnswer {
  return { result: 'Unknown', sentAt, detail: 'the agent of the node, or its switch, was interrupted while it waited' }
}

/** @throws TransientError while the node does not have the Port */
function requestOf({ spec }: ProbeDocument, { state }: RunContext): ProbeRequest {
  const { sourceMac, destinationMac, source, destination, protocol, sourcePort, destinationPort } = spec
  return {
    ...{ sourceMac, destinationMac, source, destination, protocol, sourcePort },
    ...(destinationPort === undefined ? {} : { destinationPort }),
    ...wayOf(spec, state),
  }
}

function wayOf({ portUid = '', outside }: ProbeDocument['spec'], state: NodeState): Pick<ProbeRequest, 'by' | 'vlan'> {
  if (outside) {
    const { networkUid, vlan } = outside
    return { by: { networkUid }, ...(vlan === undefined ? {} : { vlan }) }
  }
  const port = state.find('port', portUid)
  if (!port || port.tombstone) throw new TransientError('PortNotPlugged', 'the node does not have the Port yet')
  const { parent } = port.spec
  return parent ? { by: { portUid: parent.portUid }, vlan: parent.vlan } : { by: { portUid } }
}
