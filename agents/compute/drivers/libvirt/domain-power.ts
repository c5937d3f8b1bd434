// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../../lib/errors.ts'
import { Save, Shutdown } from '../../../../lib/libvirt/constants.ts'
import { isNoDomain, isOperationInvalid, isUnanswered, type DomainRef } from '../../../../lib/libvirt/error.ts'
import { isPoweredOn, type PowerAction } from '../../instance-driver.ts'
import { GUEST_CALL_MS, type LibvirtConnections } from './connections.ts'
import type { FoundDomain } from './domains.ts'
import { readSavedMiB, SaveRoom } from './save-room.ts'

/** QEMU waits forever for the switch of a vhost-user port: a start that takes longer is rolled back. */
const START_TIMEOUT_MS = 60_000
const SAVE_TIMEOUT_MS = 300_000
/** The slowest disk speed that we allow for saved memory: sets the time limits of saving and restoring. */
const SAVED_MIB_PER_S = 10
/** A guest that ignores the request is asked again, and destroyed in the end: no call waits for it. */
const SHUTDOWN_CALL_MS = 3_000
/** libvirtd sends SIGKILL after 15 s to a QEMU that ignores SIGTERM. */
const DESTROY_TIMEOUT_MS = 60_000
const DESTROY_EVERY_MS = 500
/**
 * For calls that define or start a domain: libvirtd carries out even a call whose caller has given up, possibly after the removal that the
 * caller went on to. So such calls are always awaited, whatever was aborted meanwhile, up to their time limit.
 */
export const TO_ITS_END = new AbortController().signal

export interface DomainPowerOptions {
  startTimeoutMs?: number
  /** libvirt's folder of saved memory, as this process sees it. */
  saveDir: string
}

/** Switches domains on and off. */
export class DomainPower {
  readonly #connections: LibvirtConnections
  readonly #startTimeoutMs: number
  readonly #saveDir: string
  readonly #room: SaveRoom

  constructor(connections: LibvirtConnections, options: DomainPowerOptions) {
    this.#connections = connections
    this.#startTimeoutMs = options.startTimeoutMs ?? START_TIMEOUT_MS
    this.#saveDir = options.saveDir
    this.#room = new SaveRoom(options.saveDir)
  }

  /**
   * Success when the domain is already in that state. @throws TransientError `StartTimeout` for a start that was rolled back,
   * `NoRoomToSuspend`
   */
  async set(found: FoundDomain, action: PowerAction, signal: AbortSignal): Promise<void> {
    const { ref: domain, power } = found
    const { quick, orders, saves } = this.#connections
    switch (action) {
      case 'on':
        if (!isPoweredOn(power)) await this.#start(found, signal)
        return
      case 'resume':
        if (power === 'paused') await orders.call('resume', { domain }, signal, GUEST_CALL_MS)
        return
      case 'wake':
        if (power === 'sleeping') {
          await ignoreInvalid(orders.call('wakeUp', { domain, flags: 0 }, signal, GUEST_CALL_MS))
        }
        return
      case 'pause':
        if (power === 'running') await orders.call('suspend', { domain }, signal, GUEST_CALL_MS)
        return
      case 'save': {
        if (!isPoweredOn(power)) return
        const memoryMiB = await this.#memoryMiB(domain, signal)
        const giveBack = await this.#room.promise(memoryMiB)
        const timeoutMs = SAVE_TIMEOUT_MS + savedMs(memoryMiB)
        try {
          await saves.call('managedSave', { domain, flags: Save.running }, signal, timeoutMs, {
            group: namespaceOf(found),
          })
        } finally {
          giveBack()
        }
        return
      }
      case 'shutdown':
        if (isPoweredOn(power)) await this.#askToShutDown(domain, signal)
        return
      case 'off':
        if (power === 'saved') await quick.call('removeManagedSave', { domain, flags: 0 }, signal)
        else if (isPoweredOn(power)) await this.destroy(domain, signal)
        return
      default:
        action satisfies never
    }
  }

  async #askToShutDown(domain: DomainRef, signal: AbortSignal): Promise<void> {
    const asked = this.#connections.orders.call('shutdown', { domain, flags: Shutdown.acpi }, signal, SHUTDOWN_CALL_MS)
    await ignoreInvalid(asked).catch((error: unknown) => {
      signal.throwIfAborted()
      if (!isUnanswered(error)) throw error
    })
  }

  /** The time limit of a start in progress, whoever began it. The saved memory can be read meanwhile. */
  async startLimitMs({ ref, starting }: FoundDomain): Promise<number> {
    const savedMiB = starting === 'saved' ? await readSavedMiB(this.#saveDir, ref.name) : 0
    return this.#startTimeoutMs + savedMs(savedMiB)
  }

  async #memoryMiB(domain: DomainRef, signal: AbortSignal): Promise<number> {
    const { maxMemoryKiB } = await this.#connections.guest.call('getInfo', { domain }, signal, GUEST_CALL_MS)
    return Number(maxMemoryKiB / 1024n)
  }

  async #start(found: FoundDomain, signal: AbortSignal): Promise<void> {
    const { ref: domain, power } = found
    // The saved state is at most as large as the machine's memory.
    const readMs = power === 'saved' ? savedMs(await this.#memoryMiB(domain, signal)) : 0
    const timeoutMs = this.#startTimeoutMs + readMs
    signal.throwIfAborted()
    const deadline = new AbortController()
    const sent = Promise.withResolvers<undefined>()
    let timer: NodeJS.Timeout | undefined
    const onSent = (): void => {
      timer = setTimeout(() => deadline.abort(), timeoutMs)
      sent.resolve(undefined)
    }
    const how = { group: namespaceOf(found), waitMs: timeoutMs, waitSignal: signal, onSent }
    const starting = this.#connections.starts.call('create', { domain, flags: 0 }, TO_ITS_END, timeoutMs + 5_000, how)
    const takenBack = this.#takeBack(
      domain,
      { starting, sent: sent.promise },
      AbortSignal.any([signal, deadline.signal]),
    )
    try {
      await starting
    } catch (error) {
      // It runs already: another run of ours, or an administrator, was first.
      if (isOperationInvalid(error)) return
      signal.throwIfAborted()
      if (!deadline.signal.aborted) throw error
      throw new TransientError('StartTimeout', `the machine did not start within ${timeoutMs / 1000} s`, {
        cause: error,
      })
    } finally {
      clearTimeout(timer)
      await takenBack
    }
  }

  /**
   * When the signal aborts after the start was sent: destroys QEMU, which may be waiting for a switch that never comes, until the start
   * call has returned. Never rejects.
   */
  async #takeBack(
    domain: DomainRef,
    { starting, sent }: { starting: Promise<unknown>; sent: Promise<undefined> },
    signal: AbortSignal,
  ): Promise<void> {
    const settled = starting.then(
      () => true,
      () => true,
    )
    const aborted = new Promise<false>((resolve) => {
      if (signal.aborted) resolve(false)
      signal.addEventListener('abort', () => resolve(false), { once: true })
    })
    if ((await Promise.race([settled, sent])) === true) return
    let isOver = await Promise.race([settled, aborted])
    while (!isOver) {
      await this.destroy(domain, TO_ITS_END).catch(() => undefined)
      const pause = new Promise<false>((resolve) => setTimeout(resolve, DESTROY_EVERY_MS, false))
      isOver = await Promise.race([settled, pause])
    }
  }

  /** Destroys the domain. Success when it is off already. */
  async destroy(domain: DomainRef, signal: AbortSignal): Promise<void> {
    await ignoreInvalid(this.#connections.forced.call('destroy', { domain, flags: 0 }, signal, DESTROY_TIMEOUT_MS))
  }
}

const namespaceOf = ({ mark }: FoundDomain): string => mark?.namespace ?? ''

/** How long memory of this size takes to write or read. Pure. */
export function savedMs(memoryMiB: number): number {
  return Math.ceil((memoryMiB / SAVED_MIB_PER_S) * 1000)
}

/** The call is invalid in the present state because the machine went off by itself: that is what was wanted. */
async function ignoreInvalid(call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!isOperationInvalid(error) && !isNoDomain(error)) throw error
  }
}
