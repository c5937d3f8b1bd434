// SPDX-License-Identifier: Apache-2.0
// A copy of a machine's root disk as it is at one moment. What is in it was written by a guest: it is never taken for a format
// (docs/decisions/0079).
import { open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { durably, syncFolder, unlessMissing } from '../../../../lib/durable-files.ts'
import { TransientError } from '../../../../lib/errors.ts'
import { ExecError, type exec as Exec } from '../../../../lib/exec.ts'
import { JobStats, JobType } from '../../../../lib/libvirt/constants.ts'
import { isNoDomain, isOperationInvalid, type DomainRef } from '../../../../lib/libvirt/error.ts'
import { inspectBacked } from '../../../image/inspect-file.ts'
import { CAPTURE_PREFIX, checkedUid, instanceDir, type ComputePaths } from '../../paths.ts'
import { isPoweredOn, type CaptureWant } from '../../instance-driver.ts'
import { GUEST_CALL_MS, type LibvirtConnections } from './connections.ts'
import { diskName } from './disk-xml.ts'
import { diskPaths } from './disk-paths.ts'
import { readLiveXml, type FoundDomain } from './domains.ts'
import { forgetFreeze, freeze, thaw, THAW_FOR_MS } from './guest-freeze.ts'
import type { MachineFinder } from './machine-finder.ts'
import { writeXml } from './xml-tree.ts'

export interface DiskCaptureOptions {
  connections: Pick<LibvirtConnections, 'guest' | 'orders' | 'agent'>
  finder: Pick<MachineFinder, 'find'>
  paths: ComputePaths
  exec: typeof Exec
}

const CONVERT_MS = 6 * 3600_000
const POLL_MS = 1_000
/** A job that cannot be asked about for so long is given up. */
const SILENT_MS = 120_000
/** Of the copy: the job of a machine that is on; the rest is making a qcow2 of it. */
const JOB_PERCENT = 80

export class DiskCapture {
  readonly #options: DiskCaptureOptions

  constructor(options: DiskCaptureOptions) {
    this.#options = options
  }

  pathOf(uid: string, imageUid: string): string {
    return join(instanceDir(this.#options.paths, uid), `${CAPTURE_PREFIX}${checkedUid(imageUid)}.qcow2`)
  }

  async take(capture: CaptureWant, signal: AbortSignal): Promise<{ path: string; virtualSizeBytes: number }> {
    const { paths, finder } = this.#options
    const { want, imageUid } = capture
    const path = this.pathOf(want.uid, imageUid)
    const at = diskPaths(paths, want)
    const found = await finder.find(want.uid, signal)
    const part = `${path}.part`
    if (found && isPoweredOn(found.power)) {
      capture.onDiskFree()
      const raw = `${path}.raw`
      await this.#job(found, { ...capture, raw, dir: at.dir }, signal)
      await this.#convert(['-f', 'raw', '-W', raw], part, signal)
      await rm(raw, { force: true })
    } else {
      await this.#convert(['--image-opts', await layersOf(at, want.root.format)], part, signal)
      capture.onDiskFree()
    }
    const virtualSizeBytes = await this.#name(part, path)
    return { path, virtualSizeBytes }
  }

  /** The guest first of all; its job and its files go also when it cannot be thawed now. @throws TransientError `GuestStillFrozen`: to be tried again */
  async drop(uid: string, signal: AbortSignal): Promise<void> {
    const dir = instanceDir(this.#options.paths, uid)
    try {
      await this.#thaw(uid, dir, { untilMs: 0, signal })
    } finally {
      await this.#dropFiles(uid, dir, signal)
    }
  }

  async #dropFiles(uid: string, dir: string, signal: AbortSignal): Promise<void> {
    const found = await this.#options.finder.find(uid, signal)
    const ours = (await unlessMissing(() => readdir(dir), [])).filter((name) => name.startsWith(CAPTURE_PREFIX))
    // The only job that we begin; a machine that is off has none.
    if (found && isPoweredOn(found.power) && ours.some((name) => name.endsWith('.raw'))) await this.#abort(found.ref)
    for (const name of ours) await rm(join(dir, name), { force: true })
  }

  /** It is off, and about to start: whatever was frozen is no more. */
  forgetFreeze(uid: string): Promise<void> {
    return forgetFreeze(instanceDir(this.#options.paths, uid))
  }

  #thaw(uid: string, dir: string, until: { untilMs: number; signal: AbortSignal }): Promise<void> {
    const { finder, connections } = this.#options
    return thaw(connections.agent, (signal) => finder.find(uid, signal), dir, until)
  }

  /** QEMU copies the disk as it is when the job begins, while the guest goes on writing. */
  async #job(
    found: FoundDomain,
    { want, raw, dir, quiesce, onStep, onProgress }: CaptureWant & { raw: string; dir: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { orders, guest } = this.#options.connections
    const { ref: domain } = found
    await rm(raw, { force: true })
    const { rootTarget = diskName(0) } = await readLiveXml(guest, domain, signal)
    const wantsQuiet = quiesce === 'Required' || (quiesce === 'IfPossible' && found.power === 'running')
    let isFrozen = false
    // By a copy before; where that is in vain now, it is tried again afterwards.
    await this.#thaw(want.uid, dir, { untilMs: 0, signal }).catch(() => undefined)
    try {
      if (wantsQuiet) isFrozen = await this.#freeze(found, dir, quiesce, signal)
      if (isFrozen) onStep('Frozen')
      signal.throwIfAborted()
      const backup = toBackupXml(raw, rootTarget)
      await orders.call('backupBegin', { domain, backup, checkpoint: undefined, flags: 0 }, signal)
    } finally {
      // One that did not answer in time may be frozen all the same.
      if (wantsQuiet) await this.#thaw(want.uid, dir, { untilMs: performance.now() + THAW_FOR_MS, signal })
    }
    if (isFrozen) onStep('Thawed')
    try {
      await this.#follow(domain, onProgress, signal)
    } catch (error) {
      await this.#abort(domain)
      throw error
    }
  }

  /** @returns whether it is */
  async #freeze(
    found: FoundDomain,
    dir: string,
    quiesce: CaptureWant['quiesce'],
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      await freeze(this.#options.connections.agent, found, dir, signal)
      return true
    } catch (error) {
      signal.throwIfAborted()
      if (quiesce === 'Required') throw error
      return false
    }
  }

  async #follow(domain: DomainRef, onProgress: CaptureWant['onProgress'], signal: AbortSignal): Promise<void> {
    let heardMs = performance.now()
    for (;;) {
      await sleep(POLL_MS, undefined, { signal })
      const job = await this.#stats(domain, 0, signal)
      if (job) heardMs = performance.now()
      else if (performance.now() - heardMs > SILENT_MS) throw copyFailed('QEMU of the machine does not answer')
      if (!job || (job.type !== JobType.none && !isOver(job.type))) {
        if (job) onProgress((job.percent * JOB_PERCENT) / 100, job.bytesLeft)
        continue
      }
      const end = isOver(job.type) ? job : await this.#stats(domain, JobStats.completed, signal)
      if (end?.type === JobType.completed) return
      throw copyFailed('the copy ended before it was whole: the machine went off meanwhile, or there is no room')
    }
  }

  async #stats(domain: DomainRef, flags: number, signal: AbortSignal) {
    try {
      const { type, params } = await this.#options.connections.guest.call('getJobStats', { domain, flags }, signal)
      const of = (field: string) => Number(params.find((param) => param.field === field)?.value ?? 0)
      const [total, done] = [of('disk_total'), of('disk_processed')]
      return {
        type,
        percent: total > 0 ? Math.min(100, (done * 100) / total) : 0,
        bytesLeft: Math.max(0, total - done),
      }
    } catch (error) {
      signal.throwIfAborted()
      // It is off: it has no job any more.
      if (isNoDomain(error) || isOperationInvalid(error)) return { type: JobType.none, percent: 0, bytesLeft: 0 }
      return undefined
    }
  }

  async #abort(domain: DomainRef): Promise<void> {
    const { orders } = this.#options.connections
    await orders
      .call('abortJob', { domain }, AbortSignal.timeout(GUEST_CALL_MS), GUEST_CALL_MS)
      .catch((error: unknown) => {
        // There is none.
        if (!isOperationInvalid(error) && !isNoDomain(error)) throw error
      })
  }

  async #convert(source: readonly string[], part: string, signal: AbortSignal): Promise<void> {
    await rm(part, { force: true })
    try {
      await this.#options.exec(['qemu-img', 'convert', '-q', '-O', 'qcow2', ...source, part], {
        ...{ timeoutMs: CONVERT_MS, signal },
      })
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof ExecError) throw copyFailed('qemu-img could not make a file of it; is there room?', error)
      throw error
    }
  }

  async #name(part: string, path: string): Promise<number> {
    const file = await open(part, 'r+')
    try {
      await file.chmod(0o600)
      await durably('sync', path, () => file.sync())
    } finally {
      await file.close()
    }
    const { virtualSizeBytes } = await inspectBacked(part)
    await durably('rename', path, () => rename(part, path))
    await syncFolder(join(path, '..'))
    return virtualSizeBytes
  }
}

function isOver(type: number): boolean {
  return type === JobType.completed || type === JobType.failed || type === JobType.cancelled
}

/** Its other disks take no part. https://libvirt.org/formatbackup.html */
function toBackupXml(path: string, target: string): string {
  return writeXml({
    domainbackup: {
      '@mode': 'push',
      disks: {
        disk: {
          '@name': target,
          '@backup': 'yes',
          '@type': 'file',
          driver: { '@type': 'raw' },
          target: { '@file': path },
        },
      },
    },
  })
}

/** Each layer and its format is said: no header is followed. */
async function layersOf({ root, base }: { root: string; base: string }, format: 'raw' | 'qcow2'): Promise<string> {
  const { backingFile, externalDataFile } = await inspectBacked(root)
  if (externalDataFile || (backingFile !== undefined && backingFile !== base))
    throw copyFailed('the root disk does not refer to what it was made from')
  const layers: [string, string][] = [
    ['driver', 'qcow2'],
    ['file.driver', 'file'],
    ['file.filename', root],
    ...(backingFile === undefined
      ? []
      : ([
          ['backing.driver', format],
          ['backing.file.driver', 'file'],
          ['backing.file.filename', base],
        ] as [string, string][])),
  ]
  // A comma ends a value unless it is doubled.
  return layers.map(([key, value]) => `${key}=${value.replaceAll(',', ',,')}`).join(',')
}

function copyFailed(why: string, cause?: unknown): TransientError {
  return new TransientError('CopyFailed', why, { cause })
}
