// SPDX-License-Identifier: Apache-2.0
// Copies of root disks, which take longer than a run of their machine: they go on beside the runs, one at a time, and wake the machine when they are over.
import { stat } from 'node:fs/promises'
import type { InstanceDocument, ObservedAction } from '../../lib/contract/documents.ts'
import { TransientError } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import { within } from '../../lib/within.ts'
import { sha256Of } from '../image/cache-entries.ts'
import type { NodeState } from '../runtime/reconciler.ts'
import type { ImageServer } from '../transfer/image-server.ts'
import type { ActionRecord } from './action-record.ts'
import { findCaptureShortage, type ReadCapacity } from './capacity.ts'
import type { InstanceDriver, InstanceWant } from './instance-driver.ts'
import { findAction, findUnderWay } from './machine-action.ts'
import type { Run } from './machine-run.ts'
import { describeTrouble } from './observation.ts'
import { without, type PowerRecord } from './power-record.ts'
import type { PowerStore } from './power-store.ts'
import type { CaptureSeen } from './snapshot.ts'
import { presentRootDisk } from './which-root-disk.ts'

export interface SnapshotStepsOptions {
  store: Pick<PowerStore, 'write'>
  readCapacity: ReadCapacity
  /** Absent: copies are handed to nobody. */
  server?: Pick<ImageServer, 'offer' | 'withdraw'> | undefined
  wake: (uid: string) => void
}

interface Work {
  machine: string
  imageUid: string
  seen: CaptureSeen
  progress: Pick<ObservedAction, 'progress' | 'bytesLeft'>
  stop: AbortController
  ended: Promise<void>
  /** It is its turn: the next run of its machine has it begin. */
  begin?: () => void
}

/** Of the whole: reading the disk, then making the file of it; the rest is its digest. */
const READ_PERCENT = 90
/** In steps, as each is a report. */
const STEP_PERCENT = 10

export class SnapshotSteps {
  readonly #options: SnapshotStepsOptions
  /** By the UID of the action. */
  readonly #works = new Map<string, Work>()
  /** Ends with the last one in it: each of them counts on the room that is free, and on the disk's time. */
  #line: Promise<void> = Promise.resolve()
  #inLine = 0
  /** UIDs of Images whose files are handed out, by machine. */
  readonly #offered = new Map<string, string>()
  /** Of machines of which something is left that could not be removed: each try asks a guest, whose machine's runs wait for it. */
  readonly #tidying = new Map<string, { afterMs: number; notBeforeMs: number }>()

  constructor(options: SnapshotStepsOptions) {
    this.#options = options
  }

  see(record: PowerRecord): CaptureSeen | undefined {
    const underWay = findUnderWay(record)
    return underWay && this.#works.get(underWay.uid)?.seen
  }

  /**
   * Has one begin whose turn it is. In a run of its machine alone, before that decides: so a machine that is off does not start while its disk is
   * about to be read, and is not kept off while it stands in line.
   */
  takeTurn(record: PowerRecord): void {
    const work = this.#works.get(findUnderWay(record)?.uid ?? '')
    if (!work?.begin) return
    work.seen = { state: 'running', steps: [] }
    work.begin()
    delete work.begin
  }

  /** How far it is; nothing once it is over. */
  progressOf(actionUid: string | undefined): Pick<ObservedAction, 'progress' | 'bytesLeft'> {
    const work = this.#works.get(actionUid ?? '')
    return work?.seen.state === 'running' ? work.progress : {}
  }

  start({ document, context, driver, wantWith }: Run, action: ActionRecord, record: PowerRecord): void {
    const { uid, snapshot } = action
    if (!snapshot || this.#works.has(uid)) return
    const stop = new AbortController()
    const work: Work = {
      ...{ machine: document.uid, imageUid: snapshot.imageUid, progress: {}, stop, ended: Promise.resolve() },
      seen: { state: 'waiting', steps: [] },
    }
    this.#works.set(uid, work)
    const want = wantWith(presentRootDisk(record, document.spec))
    work.ended = this.#work(work, { document, state: context.state, driver, want, snapshot, log: context.log })
  }

  /** What its document asks for is handed to those that it names; of what it asks for no more nothing is left. */
  async tidy({ document, context, driver }: Run, record: PowerRecord): Promise<PowerRecord> {
    const { uid, spec } = document
    const { action } = spec
    const taken = findAction(record, action?.uid)
    if (taken?.result === 'Succeeded' && taken.snapshot && taken.captured && action?.snapshot) {
      this.#works.delete(taken.uid)
      await this.#offer({ document, context, driver }, taken.snapshot.imageUid, taken.captured.sha256)
      return record
    }
    if (findUnderWay(record)?.stage === 'capturing') return record
    await this.#end(uid)
    if (!record.hasCaptures) {
      this.#tidying.delete(uid)
      return record
    }
    const before = this.#tidying.get(uid)
    const restMs = before ? before.notBeforeMs - performance.now() : 0
    if (restMs > 0) {
      context.runAgainWithin(restMs)
      return record
    }
    try {
      await driver.dropCaptures(uid, context.signal)
      this.#tidying.delete(uid)
      const next = without(record, 'hasCaptures')
      await this.#options.store.write(uid, record, next)
      return next
    } catch (error) {
      context.signal.throwIfAborted()
      context.log.warn({ err: error }, 'what is left of a copy of the root disk could not be removed')
      const afterMs = Math.min(MOST_TIDY_AGAIN_MS, 2 * (before?.afterMs ?? TIDY_AGAIN_MS / 2))
      this.#tidying.set(uid, { afterMs, notBeforeMs: performance.now() + afterMs })
      context.runAgainWithin(afterMs)
      return record
    }
  }

  /** That it cannot be handed out now is not the machine's trouble; who wants it says that it cannot be had. */
  async #offer(
    { document, context, driver }: Omit<Run, 'want' | 'wantWith'>,
    imageUid: string,
    sha256: string,
  ): Promise<void> {
    const { uid, spec } = document
    this.#offered.set(uid, imageUid)
    try {
      await this.#options.server?.offer('snapshot', imageUid, {
        ...{ path: driver.capturePath(uid, imageUid), sha256, readers: spec.action?.snapshot?.readers ?? [] },
      })
    } catch (error) {
      context.log.warn({ err: error }, 'a copy of the root disk cannot be handed out')
      context.runAgainWithin(TIDY_AGAIN_MS)
    }
  }

  /** The agent ends. Resolves once guests are thawed and jobs are over, or when that takes too long: the next agent does it then. */
  async stop(): Promise<void> {
    const works = [...this.#works.values()]
    for (const { stop } of works) stop.abort()
    await within(Promise.all(works.map(({ ended }) => ended)), { timeoutMs: STOP_MS }).catch(() => undefined)
  }

  /** Ends what is done for a machine, which is removed. */
  async forget(machine: string): Promise<void> {
    this.#tidying.delete(machine)
    await this.#end(machine)
  }

  async #end(machine: string): Promise<void> {
    for (const [uid, work] of this.#works) {
      if (work.machine !== machine) continue
      work.stop.abort()
      await work.ended
      this.#works.delete(uid)
    }
    const offered = this.#offered.get(machine)
    this.#offered.delete(machine)
    if (offered !== undefined) await this.#options.server?.withdraw('snapshot', offered)
  }

  async #work(
    work: Work,
    of: {
      document: InstanceDocument
      state: NodeState
      driver: InstanceDriver
      want: InstanceWant
      snapshot: NonNullable<ActionRecord['snapshot']>
      log: Logger
    },
  ): Promise<void> {
    const { document, driver, want, snapshot, log } = of
    const { signal } = work.stop
    const steps: string[] = []
    const [before, turn] = [this.#line, Promise.withResolvers<undefined>()]
    // One that is given up while it waits lets nobody pass who is behind it.
    this.#line = before.then(() => turn.promise)
    try {
      if (this.#inLine++ > 0) await within(before, { signal })
      await this.#runOf(work)
      const shortage = await findCaptureShortage(document, of.state, this.#options.readCapacity)
      if (shortage !== undefined) {
        work.seen = { state: 'failed', steps, reason: 'InsufficientResources', message: shortage }
        return
      }
      const { path, virtualSizeBytes } = await driver.captureDisk(
        {
          ...{ want, ...snapshot },
          onStep: (name) => {
            steps.push(name)
            work.seen = { ...work.seen, steps: [...steps] }
          },
          onDiskFree: () => {
            work.seen = { state: 'running', steps: [...steps], isDiskFree: true }
            this.#options.wake(work.machine)
          },
          onProgress: (percent, bytesLeft) => this.#show(work, (percent * READ_PERCENT) / 100, bytesLeft),
        },
        signal,
      )
      this.#show(work, READ_PERCENT, 0)
      const sha256 = await sha256Of(path, signal)
      const { size } = await stat(path)
      const captured = { sha256, sizeBytes: size, virtualSizeBytes }
      work.seen = { state: 'done', steps: [...steps, 'DiskRead'], captured }
      log.info({ imageUid: snapshot.imageUid, sizeBytes: size }, 'root disk copied')
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'the root disk could not be copied')
      const { reason, message } = describeTrouble(error)
      work.seen = { state: 'failed', steps, reason, message }
    } finally {
      this.#inLine -= 1
      turn.resolve(undefined)
      if (!signal.aborted) this.#options.wake(work.machine)
    }
  }

  /** It is its turn: resolves in the next run of its machine. */
  async #runOf(work: Work): Promise<void> {
    const { signal } = work.stop
    const begun = new Promise<void>((resolve) => (work.begin = resolve))
    this.#options.wake(work.machine)
    const late = () =>
      new TransientError('CopyFailed', 'the machine was not looked at for so long when it was its turn')
    await within(begun, { timeoutMs: TURN_MS, signal, late }).finally(() => delete work.begin)
  }

  #show(work: Work, percent: number, bytesLeft: number | undefined): void {
    const progress = Math.min(99, Math.floor(percent / STEP_PERCENT) * STEP_PERCENT)
    const before = work.progress.progress
    work.progress = { progress, ...(bytesLeft === undefined ? {} : { bytesLeft }) }
    if (before !== progress) this.#options.wake(work.machine)
  }
}

const TIDY_AGAIN_MS = 5_000
const MOST_TIDY_AGAIN_MS = 5 * 60_000
const STOP_MS = 5_000
/** Others are behind it in the line. */
const TURN_MS = 5 * 60_000
