// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../../lib/errors.ts'
import type { LibvirtClient } from '../../../../lib/libvirt/client.ts'
import { Save, Shutdown } from '../../../../lib/libvirt/constants.ts'
import { isNoDomain, isOperationInvalid, type DomainRef } from '../../../../lib/libvirt/error.ts'
import type { PowerAction } from '../driver.ts'
import type { FoundDomain } from './domains.ts'

/** QEMU waits for ever for a vhost-user switch: a start that takes longer is taken back. */
const START_TIMEOUT_MS = 60_000
const SAVE_TIMEOUT_MS = 300_000
const DESTROY_EVERY_MS = 500
/**
 * For what makes or starts a domain: libvirtd carries out a call that its caller gave up, in its own time, and so perhaps after the
 * removal that the caller went on to. Such a call is waited for, whatever was aborted meanwhile, up to its time limit.
 */
export const TO_ITS_END = new AbortController().signal

/** Switches domains on and off. */
export class DomainPower {
  readonly #client: LibvirtClient
  readonly #slow: LibvirtClient
  readonly #startTimeoutMs: number

  /** @param slow a connection of its own for what takes seconds */
  constructor(client: LibvirtClient, slow: LibvirtClient, startTimeoutMs = START_TIMEOUT_MS) {
    this.#client = client
    this.#slow = slow
    this.#startTimeoutMs = startTimeoutMs
  }

  /** Success when it is so already. @throws TransientError `StartTimeout` for a start that was taken back */
  async set({ ref: domain, power }: FoundDomain, action: PowerAction, signal: AbortSignal): Promise<void> {
    const isOn = power === 'running' || power === 'paused'
    switch (action) {
      case 'on':
        if (!isOn) await this.#start(domain, signal)
        return
      case 'resume':
        if (power === 'paused') await this.#client.call('resume', { domain }, signal)
        return
      case 'pause':
        if (power === 'running') await this.#client.call('suspend', { domain }, signal)
        return
      case 'save':
        if (isOn) await this.#slow.call('managedSave', { domain, flags: Save.running }, signal, SAVE_TIMEOUT_MS)
        return
      case 'shutdown':
        if (isOn) await ignoreInvalid(this.#client.call('shutdown', { domain, flags: Shutdown.acpi }, signal))
        return
      case 'off':
        if (power === 'saved') await this.#client.call('removeManagedSave', { domain, flags: 0 }, signal)
        else if (isOn) await this.destroy(domain, signal)
        return
      default:
        action satisfies never
    }
  }

  async #start(domain: DomainRef, signal: AbortSignal): Promise<void> {
    const timeoutMs = this.#startTimeoutMs
    signal.throwIfAborted()
    const deadline = AbortSignal.timeout(timeoutMs)
    const starting = this.#slow.call('create', { domain, flags: 0 }, TO_ITS_END, timeoutMs + 5_000)
    const takenBack = this.#takeBack(domain, starting, AbortSignal.any([signal, deadline]))
    try {
      await starting
    } catch (error) {
      // Running after all: another run of ours, or an administrator, was first.
      if (isOperationInvalid(error)) return
      signal.throwIfAborted()
      if (!deadline.aborted) throw error
      throw new TransientError('StartTimeout', `the machine did not start within ${timeoutMs / 1000} s`, {
        cause: error,
      })
    } finally {
      await takenBack
    }
  }

  /** Once aborted, ends QEMU, which may wait for a switch that never comes, until the start has returned. Never rejects. */
  async #takeBack(domain: DomainRef, starting: Promise<unknown>, signal: AbortSignal): Promise<void> {
    const settled = starting.then(
      () => true,
      () => true,
    )
    const aborted = new Promise<false>((resolve) => {
      signal.addEventListener('abort', () => resolve(false), { once: true })
    })
    let isOver = await Promise.race([settled, aborted])
    while (!isOver) {
      await this.destroy(domain, TO_ITS_END).catch(() => undefined)
      const pause = new Promise<false>((resolve) => setTimeout(resolve, DESTROY_EVERY_MS, false))
      isOver = await Promise.race([settled, pause])
    }
  }

  /** Pulls the plug. Success when it is off already. */
  async destroy(domain: DomainRef, signal: AbortSignal): Promise<void> {
    await ignoreInvalid(this.#client.call('destroy', { domain, flags: 0 }, signal))
  }
}

/** A state that does not allow the call is the one that was wanted: it went off by itself. */
async function ignoreInvalid(call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!isOperationInvalid(error) && !isNoDomain(error)) throw error
  }
}
