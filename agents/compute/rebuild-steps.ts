// SPDX-License-Identifier: Apache-2.0
// What a rebuild, or a rescue, does on the node, and has to know of it.
import type { InstanceDocument } from '../../lib/contract/documents.ts'
import type { RunContext } from '../runtime/reconciler.ts'
import { numberOf, type Making } from './action-record.ts'
import { findRebuildShortage, type ReadCapacity } from './capacity.ts'
import type { BackendInstance } from './instance-driver.ts'
import type { Run } from './machine-run.ts'
import { findAction, findUnderWay } from './machine-action.ts'
import { describeTrouble } from './observation.ts'
import { without, type PowerRecord } from './power-record.ts'
import type { PowerStore } from './power-store.ts'
import { afterMaking, type RebuildSeen } from './rebuild.ts'
import { presentRootDisk, rescueDiskNumberOf, settledRootDisk, withMade } from './which-root-disk.ts'
import { whyNoImage } from './want.ts'

interface RebuildStepsOptions {
  store: Pick<PowerStore, 'write'>
  readCapacity: ReadCapacity
  now: () => Promise<number>
}

export class RebuildSteps {
  readonly #options: RebuildStepsOptions

  constructor(options: RebuildStepsOptions) {
    this.#options = options
  }

  /** Undefined where nothing that makes disks is to begin, or to make them. */
  async see(
    document: InstanceDocument,
    { state }: Pick<RunContext, 'state'>,
    record: PowerRecord,
  ): Promise<RebuildSeen | undefined> {
    const { action } = document.spec
    const underWay = findUnderWay(record)
    const isAsked = underWay === undefined && action !== undefined && findAction(record, action.uid) === undefined
    const { rebuild, rescue }: Making = (isAsked ? action : underWay?.stage === 'starting' ? undefined : underWay) ?? {}
    const next = rebuild ?? rescue
    if (!next) return undefined
    const { uid } = next.image
    const lacks = whyNoImage(uid, state)
    if (lacks !== undefined) {
      const isRefused = state.findObserved('image', uid)?.error?.terminal === true
      return { image: { state: isRefused ? 'refused' : 'coming', message: lacks } }
    }
    const shortage = isAsked
      ? await findRebuildShortage(document, { rebuild, rescue }, state, this.#options.readCapacity)
      : undefined
    return { image: { state: 'ready', message: '' }, shortage }
  }

  /** Not tried again: the machine is off meanwhile, and has the disks that it had. */
  async makeDisks(
    { document, context, driver, wantWith }: Run,
    making: Making,
    record: PowerRecord,
  ): Promise<PowerRecord> {
    try {
      await driver.makeDisks(wantWith(withMade(presentRootDisk(record, document.spec), making)), context.signal)
      context.log.info({ disk: numberOf(making) }, 'disks made')
      return afterMaking(record, undefined, await this.#options.now())
    } catch (error) {
      context.signal.throwIfAborted()
      context.log.warn({ err: error }, 'disks could not be made')
      const { reason, message } = describeTrouble(error)
      return afterMaking(record, { reason, message }, await this.#options.now())
    }
  }

  /** Once it has started from its next disks, or goes back to those that it had. What cannot be removed now is by a later run. */
  async dropSpareDisks(
    { document, context, driver }: Run,
    record: PowerRecord,
    instance: BackendInstance,
  ): Promise<PowerRecord> {
    const { disks } = presentRootDisk(record, document.spec)
    const rescue = rescueDiskNumberOf(record)
    if (!record.hasSpareDisks || findUnderWay(record)) return record
    if (instance.rootDisk !== disks.root || (instance.rescueDisk ?? 0) !== rescue) return record
    try {
      await driver.keepDisks(
        document.uid,
        { ...disks, ...(rescue === 0 ? {} : { rescue }) },
        settledRootDisk(record),
        context.signal,
      )
      const next = without(record, 'hasSpareDisks')
      await this.#options.store.write(document.uid, record, next)
      return next
    } catch (error) {
      context.signal.throwIfAborted()
      context.log.warn({ err: error }, 'disks that the machine has no more could not be removed')
      return record
    }
  }
}
