// SPDX-License-Identifier: Apache-2.0
// What runs guests here, and whether KVM does: asked once, and again for as long as the answer is not a good one.
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { readIfThere, writeWhole } from '../../../../lib/durable-files.ts'
import { TransientError } from '../../../../lib/errors.ts'
import type { HypervisorFacts } from '../../instance-driver.ts'
import type { Acceleration, GuestTrial } from './acceleration.ts'

/** `none`: the control ran, the guest with KVM did not. `failed`: not even the control ran, which says nothing of KVM. */
export type Verdict = { kind: 'kvm' } | { kind: 'none' | 'failed'; reason: string }

const Proof = z.object({ key: z.string(), acceleration: z.literal('kvm') })

const RETRY_FIRST_MS = 60_000
const RETRY_MAX_MS = 3_600_000
/** A host that boots is slow: a guest that did not run in time gets this much more once. */
const PATIENT_TIMES = 6

export interface HypervisorProbeOptions {
  /** Runs a very small guest. */
  tryGuest: GuestTrial
  readVersion: (signal: AbortSignal) => Promise<string>
  bootId: string
  /** Keeps the proof, and nothing but a proof: what failed once is not believed until the next boot. */
  file: string
  nowMs?: () => number
}

export class HypervisorProbe {
  readonly #options: HypervisorProbeOptions
  readonly #nowMs: () => number
  #version: string | undefined
  #verdict: Verdict | undefined
  #running: Promise<Verdict> | undefined
  #failures = 0
  #dueMs = 0

  constructor(options: HypervisorProbeOptions) {
    this.#options = options
    this.#nowMs = options.nowMs ?? Date.now
  }

  /** For the inventory: what is known. Once there is an answer, a newer one is sought in the background. */
  async facts(signal: AbortSignal): Promise<HypervisorFacts> {
    const last = this.#verdict
    const asked = this.#ask()
    const verdict = last ?? (await asked)
    signal.throwIfAborted()
    return { type: 'QEMU', version: this.#version ?? '', ...toAcceleration(verdict) }
  }

  /**
   * For a machine that is about to be defined.
   * @throws TransientError `AccelerationUnclear` when the probe itself fails: emulated now, the machine would stay so until it is stopped
   */
  async acceleration(signal: AbortSignal): Promise<Acceleration> {
    const asked = this.#ask()
    const verdict = this.#verdict && this.#verdict.kind !== 'failed' ? this.#verdict : await asked
    signal.throwIfAborted()
    if (verdict.kind !== 'failed') return toAcceleration(verdict)
    throw new TransientError(
      'AccelerationUnclear',
      `the node cannot run the guest that tells whether KVM works: ${verdict.reason}`,
    )
  }

  /** The verdict that stands, or a new one where that is due. Runs once however many ask, and ends with none of them. */
  #ask(): Promise<Verdict> {
    if (this.#verdict && (this.#verdict.kind === 'kvm' || this.#nowMs() < this.#dueMs)) {
      return Promise.resolve(this.#verdict)
    }
    this.#running ??= this.#judge(new AbortController().signal)
      .catch((error: unknown): Verdict => {
        // libvirtd is away: nothing was learned.
        if (!this.#verdict) throw error
        return this.#verdict
      })
      .then((verdict) => {
        this.#verdict = verdict
        this.#dueMs = this.#nowMs() + Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(this.#failures++, 20))
        return verdict
      })
      .finally(() => (this.#running = undefined))
    // Who does not wait for it must not be ended by it either.
    this.#running.catch(() => undefined)
    return this.#running
  }

  async #judge(signal: AbortSignal): Promise<Verdict> {
    const { tryGuest, readVersion, bootId, file } = this.#options
    this.#version = await readVersion(signal)
    const key = `${bootId} ${this.#version}`
    if (Proof.safeParse(parseJson((await readIfThere(file)) ?? '')).data?.key === key) return { kind: 'kvm' }
    let refused = await tryGuest('kvm', signal)
    if (refused) {
      const control = await tryGuest('qemu', signal)
      if (control) return { kind: 'failed', reason: control.reason }
      if (refused.slow) refused = await tryGuest('kvm', signal, PATIENT_TIMES)
    }
    if (refused) return { kind: 'none', reason: refused.reason }
    await mkdir(dirname(file), { recursive: true })
    await writeWhole(file, JSON.stringify({ key, acceleration: 'kvm' }))
    return { kind: 'kvm' }
  }
}

function toAcceleration(verdict: Verdict): Acceleration {
  if (verdict.kind === 'kvm') return { acceleration: 'kvm' }
  const prefix = verdict.kind === 'failed' ? 'not known yet, since the probe fails: ' : ''
  return { acceleration: 'qemu', accelerationReason: `${prefix}${verdict.reason}` }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
