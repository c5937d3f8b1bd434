// SPDX-License-Identifier: Apache-2.0
// Which hypervisor runs guests here, and whether KVM works: probed once, and again as long as the result is inconclusive.
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { readIfThere, writeWhole } from '../../../../lib/durable-files.ts'
import { TransientError } from '../../../../lib/errors.ts'
import type { HypervisorFacts } from '../../instance-driver.ts'
import type { Acceleration, GuestTrial } from './acceleration.ts'

/** `none`: the control ran, the guest with KVM did not. `failed`: not even the control ran, which says nothing about KVM. */
export type Verdict = { kind: 'kvm' } | { kind: 'none' | 'failed'; reason: string }

const Proof = z.object({ key: z.string(), acceleration: z.literal('kvm') })

const RETRY_FIRST_MS = 60_000
const RETRY_MAX_MS = 3_600_000
/** A booting host is slow: a guest that did not run in time is tried once more with this many times the limit. */
const PATIENT_TIMES = 6

export interface HypervisorProbeOptions {
  /** Runs a very small guest. */
  tryGuest: GuestTrial
  readVersion: (signal: AbortSignal) => Promise<string>
  bootId: string
  /** Only a proof is kept: a failure is not trusted beyond this boot. */
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

  /** The known facts, for the inventory. Once there is a first answer, it is refreshed in the background. */
  async facts(signal: AbortSignal): Promise<HypervisorFacts> {
    const last = this.#verdict
    const asked = this.#ask()
    const verdict = last ?? (await asked)
    signal.throwIfAborted()
    return { type: 'QEMU', version: this.#version ?? '', ...toAcceleration(verdict) }
  }

  /**
   * For a machine about to be defined.
   * @throws TransientError `AccelerationUnclear` when the probe itself fails: a machine defined with emulation now would keep it until
   * stopped
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

  /** The current verdict, or a new one where that is due. Concurrent callers share one run, which none of them can abort. */
  #ask(): Promise<Verdict> {
    if (this.#verdict && (this.#verdict.kind === 'kvm' || this.#nowMs() < this.#dueMs)) {
      return Promise.resolve(this.#verdict)
    }
    this.#running ??= this.#judge(new AbortController().signal)
      .catch((error: unknown): Verdict => {
        // libvirtd is not reachable: nothing was learned.
        if (!this.#verdict) throw error
        return this.#verdict
      })
      .then((verdict) => {
        this.#verdict = verdict
        this.#dueMs = this.#nowMs() + Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(this.#failures++, 20))
        return verdict
      })
      .finally(() => (this.#running = undefined))
    // Callers that do not await it must not crash on its failure.
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
