// SPDX-License-Identifier: Apache-2.0
import { StaleWriterError } from '../errors.ts'
import type { KubeClient } from '../kube/client.ts'
import { isAlreadyExists, isConflict } from '../kube/errors.ts'
import type { ObjectRef } from '../kube/object.ts'
import type { Logger } from '../log.ts'
import { LEASE } from '../api/kinds.ts'
import type { Lease } from '../api/types.ts'
import { backoffMs } from '../time/backoff.ts'
import { pause, systemClock, type Clock } from '../time/clock.ts'
import type { Fence } from './fence.ts'
import { freeInMs, sight, takenLease, type Claim, type Sighting } from './lease.ts'

const RUN_OUT = 'the lease was not renewed in time'
const TAKEN = 'another process holds the lease'
const ENDED = 'the work ended'
/** How long this process stays out of the election after terms whose work failed: others go first. */
const AFTER_FAILURE = { baseMs: 4_000, capMs: 5 * 60_000 }
/** A failure after this long starts the count of failures anew. */
const STOOD_MS = 5 * 60_000

export interface ElectionOptions {
  /** Not fenced: the election's own writes are what the fence rests on. */
  client: Pick<KubeClient, 'find' | 'create' | 'update'>
  lease: Required<ObjectRef>
  /** Never used again: pod name and a random part, so that a restarted process is another leader with another term. */
  identity: string
  log: Logger
  clock?: Clock
  /** Others take the lease after seeing no renewal for this long. 15 s by default. */
  durationMs?: number
  /** We stop writing this long after the last renewal was sent. Two thirds of the duration by default. */
  validMs?: number
  /** A fifth of the duration by default. */
  renewEveryMs?: number
  /** The highest term known from elsewhere, plus one: a deleted Lease would count from nothing. */
  leastTerm?: () => Promise<number>
  onTransition?: (leading: boolean, term: number) => void
}

/**
 * Leader election by a Lease. Safety rests on monotonic clocks alone: a renewal is valid for `validMs` from just before it was sent;
 * another process may take over only after it has itself seen the same record for `durationMs`, which starts later and lasts longer.
 * A process that was suspended finds its lease expired when it resumes, before it writes anything.
 */
export class Election {
  readonly #options: ElectionOptions
  readonly #clock: Clock
  readonly #durationMs: number
  readonly #validMs: number
  readonly #renewEveryMs: number
  #sighting: Sighting | undefined

  constructor(options: ElectionOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#durationMs = options.durationMs ?? 15_000
    this.#validMs = options.validMs ?? (this.#durationMs * 2) / 3
    this.#renewEveryMs = options.renewEveryMs ?? this.#durationMs / 5
    if (this.#validMs >= this.#durationMs) throw new RangeError('a lease must be valid for less than its duration')
  }

  /**
   * Stands for election until the signal aborts. Calls `lead` when elected, and waits for it to return once the fence's signal has aborted:
   * because the lease was lost, or because the process stops, in which case the lease is kept until `lead` has drained.
   * Releases the lease at the end, so that the next leader need not wait.
   */
  async run(signal: AbortSignal, lead: (fence: Fence) => Promise<void>): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      const won = await this.#campaign(signal)
      if (!won) return
      const electedMs = this.#clock.nowMs()
      await this.#hold(won, signal, lead)
      if (won.why !== ENDED || signal.aborted) failures = 0
      else failures = this.#clock.nowMs() - electedMs < STOOD_MS ? failures + 1 : 1
      // The lease was released. Do not take it again at once: every term begun for nothing makes all nodes learn of a new leader.
      if (failures > 0) await pause(this.#clock, this.#afterFailures(failures), signal)
    }
  }

  /** Long enough for another replica, which looks at the lease every `renewEveryMs`, to take it. */
  #afterFailures(failures: number): number {
    return Math.max(backoffMs(failures, AFTER_FAILURE), 2 * this.#renewEveryMs)
  }

  /** Tries until elected; undefined when the signal aborted first. */
  async #campaign(signal: AbortSignal): Promise<Tenure | undefined> {
    while (!signal.aborted) {
      try {
        const won = await this.#tryTake(signal)
        if (won instanceof Tenure) return won
        // Just after it may be free, but often enough to notice an early release.
        await pause(this.#clock, Math.min(won.freeInMs + 50, this.#renewEveryMs), signal)
      } catch (error) {
        if (signal.aborted) return undefined
        const quiet = isConflict(error) || isAlreadyExists(error)
        this.#options.log[quiet ? 'debug' : 'warn']({ err: error }, 'standing for election failed')
        await pause(this.#clock, this.#renewEveryMs * (0.5 + Math.random()), signal)
      }
    }
    return undefined
  }

  async #tryTake(signal: AbortSignal): Promise<Tenure | { freeInMs: number }> {
    const { client, lease: ref, identity } = this.#options
    const request = { signal, timeoutMs: this.#validMs / 2 }
    const found = await client.find<Lease>(LEASE, ref, request)
    if (found) {
      this.#sighting = sight(found, this.#sighting, this.#clock.nowMs())
      const waitMs = freeInMs(found, this.#sighting, this.#clock.nowMs(), identity)
      if (waitMs > 0) return { freeInMs: waitMs }
    }
    const leastTerm = (await this.#options.leastTerm?.()) ?? 1
    const sentMs = this.#clock.nowMs()
    const empty: Lease = { metadata: { ...ref, uid: '', resourceVersion: '' } }
    const wanted = takenLease(found ?? empty, this.#claim(leastTerm))
    const written = found
      ? await client.update<Lease>(LEASE, wanted, request)
      : await client.create<Lease>(LEASE, { spec: wanted.spec, metadata: ref }, request)
    if (written.spec?.holderIdentity !== identity) return { freeInMs: this.#durationMs }
    return new Tenure(written, this.#clock, sentMs + this.#validMs)
  }

  async #hold(tenure: Tenure, signal: AbortSignal, lead: (fence: Fence) => Promise<void>): Promise<void> {
    const { log, onTransition } = this.#options
    log.info({ term: tenure.term }, 'elected')
    onTransition?.(true, tenure.term)
    const stop = (): void => tenure.stop('the process is stopping')
    signal.addEventListener('abort', stop)
    // A leader whose work failed must not keep the lease.
    const leading = lead(tenure)
      .catch((error: unknown) => log.error({ err: error }, 'leading failed'))
      .finally(() => tenure.end(ENDED))
    await this.#renewUntilOver(tenure)
    await leading
    signal.removeEventListener('abort', stop)
    onTransition?.(false, tenure.term)
    log.info({ term: tenure.term, why: tenure.why }, 'no longer leader')
    await this.#release(tenure)
  }

  async #renewUntilOver(tenure: Tenure): Promise<void> {
    const { client, log } = this.#options
    while (!tenure.over.aborted) {
      await pause(this.#clock, Math.min(this.#renewEveryMs, tenure.remainingMs()), tenure.over)
      if (tenure.remainingMs() <= 0) {
        tenure.end(RUN_OUT)
        return
      }
      const sentMs = this.#clock.nowMs()
      try {
        const wanted = takenLease(tenure.lease, this.#claim(1))
        const timeoutMs = Math.min(this.#renewEveryMs * 2, tenure.remainingMs())
        tenure.renewed(
          await client.update<Lease>(LEASE, wanted, { timeoutMs, signal: tenure.over }),
          sentMs + this.#validMs,
        )
      } catch (error) {
        if (tenure.over.aborted) return
        if (!isConflict(error))
          log.warn({ err: error, remainingMs: Math.round(tenure.remainingMs()) }, 'lease not renewed')
        else if (!(await this.#stillOurs(tenure))) {
          tenure.end(TAKEN)
          return
        }
      }
    }
  }

  /** A conflict may come from our own renewal whose response was lost, from somebody's label on the object, or from another leader. */
  async #stillOurs(tenure: Tenure): Promise<boolean> {
    const { client, lease: ref, identity } = this.#options
    const found = await client
      .find<Lease>(LEASE, ref, { timeoutMs: this.#renewEveryMs, signal: tenure.over })
      .catch(() => tenure.lease)
    const ours = found?.spec?.holderIdentity === identity && found.spec.leaseTransitions === tenure.term
    if (found && ours) tenure.lease = found
    return ours
  }

  async #release(tenure: Tenure): Promise<void> {
    if (tenure.why === TAKEN) return
    const free = { ...tenure.lease, spec: { ...tenure.lease.spec, holderIdentity: '' } }
    // If this fails, the lease expires by itself.
    await this.#options.client.update<Lease>(LEASE, free, { timeoutMs: 2000 }).catch((error: unknown) => {
      this.#options.log.debug({ err: error }, 'lease not given up')
    })
  }

  #claim(leastTerm: number): Claim {
    const { identity } = this.#options
    return { identity, durationMs: this.#durationMs, now: this.#clock.now(), leastTerm }
  }
}

/** One leadership, from election to loss. */
class Tenure implements Fence {
  readonly term: number
  lease: Lease
  why = ''
  readonly #clock: Clock
  readonly #stop = new AbortController()
  readonly #over = new AbortController()
  #validUntilMs: number

  constructor(lease: Lease, clock: Clock, validUntilMs: number) {
    this.lease = lease
    this.term = lease.spec?.leaseTransitions ?? 0
    this.#clock = clock
    this.#validUntilMs = validUntilMs
  }

  /** Aborts when the work has to end. It may still write while it drains, until `over` aborts. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** Aborts when nothing may be written any more. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  remainingMs(): number {
    return this.over.aborted ? 0 : Math.max(0, this.#validUntilMs - this.#clock.nowMs())
  }

  assertLeader(): void {
    if (this.remainingMs() > 0) return
    // Expired is over, even if a renewal under way succeeds after all.
    this.end(RUN_OUT)
    throw new StaleWriterError(`term ${this.term} is over: ${this.why}`)
  }

  renewed(lease: Lease, validUntilMs: number): void {
    this.lease = lease
    if (this.remainingMs() <= 0) this.end(RUN_OUT)
    else this.#validUntilMs = validUntilMs
  }

  stop(why: string): void {
    if (this.signal.aborted) return
    this.why = why
    this.#stop.abort(new StaleWriterError(`term ${this.term} is over: ${why}`))
  }

  end(why: string): void {
    this.stop(why)
    this.#over.abort(this.signal.reason)
  }
}
