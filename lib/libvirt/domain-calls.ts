// SPDX-License-Identifier: Apache-2.0
import { within } from '../within.ts'
import { MAX_IN_FLIGHT } from './call-slots.ts'
import { LibvirtClient } from './client.ts'
import type { ConnectionOptions } from './connection.ts'
import { LibvirtBusy, type DomainRef } from './error.ts'
import type { ArgsOf, Procedures, ResultOf } from './procedures.ts'

/** What makes calls about domains: a connection, or several. */
export type LibvirtCaller = Pick<LibvirtClient, 'call'>

export interface DomainCallsOptions {
  /** Concurrent calls, including those whose caller has given up. Each takes a worker of libvirtd, which has 20 (max_workers). */
  places: number
  /** How many of them one group may have, so that none takes all. */
  placesPerGroup?: number
}

export interface CallHow {
  group?: string
  /** How long to wait for a place; absent: as long as for the answer. */
  waitMs?: number
  /** Ends that wait, beside `signal`. */
  waitSignal?: AbortSignal
  /** Called when the call is sent: from here on the daemon may carry it out. */
  onSent?: () => void
}

interface Waiting {
  readonly domain: string
  readonly group: string
  begin(client: LibvirtClient): void
}

interface Link {
  readonly client: Pick<LibvirtClient, 'callToItsEnd' | 'close'>
  underWay: number
}

const CALL_TIMEOUT_MS = 30_000

/**
 * Calls that a domain's QEMU may have to answer. A domain never has more than one call in progress, even when nobody waits for it any more:
 * so one that hangs takes one place, however often it is looked at. A call that finds no place fails as not sent (`LibvirtBusy`), which
 * says nothing about its domain; time limits start when the call is sent.
 */
export class DomainCalls implements LibvirtCaller {
  readonly #links: readonly Link[]
  readonly #perGroup: number
  readonly #open = new Map<string, number>()
  readonly #groups = new Map<string, number>()
  readonly #waiting: Waiting[] = []
  readonly #places: number
  #underWay = 0

  /** @param connect one connection, for some of the places */
  constructor(
    options: DomainCallsOptions & ConnectionOptions,
    connect: () => Link['client'] = () => new LibvirtClient(options),
  ) {
    this.#places = options.places
    this.#perGroup = options.placesPerGroup ?? options.places
    const connections = Math.ceil(options.places / MAX_IN_FLIGHT)
    this.#links = Array.from({ length: connections }, () => ({ client: connect(), underWay: 0 }))
  }

  /**
   * @param timeoutMs for the answer, counted from sending
   * @throws LibvirtBusy when it was not sent, for lack of a place; a TimeoutError when its domain has not answered this or an earlier call
   */
  async call<N extends keyof Procedures>(
    name: N,
    args: ArgsOf<Procedures[N]>,
    signal: AbortSignal,
    timeoutMs = CALL_TIMEOUT_MS,
    how: CallHow = {},
  ): Promise<ResultOf<Procedures[N]>> {
    const domain = domainOf(args)
    const { group = '' } = how
    const client = await this.#place(domain, group, signal, timeoutMs, how)
    const reply = client.callToItsEnd(name, args).finally(() => this.#release(domain, group, client))
    how.onSent?.()
    return within(reply, { timeoutMs, signal })
  }

  close(): void {
    for (const { client } of this.#links) client.close()
  }

  async #place(domain: string, group: string, signal: AbortSignal, timeoutMs: number, how: CallHow) {
    const ends = how.waitSignal ? AbortSignal.any([signal, how.waitSignal]) : signal
    ends.throwIfAborted()
    const turn = Promise.withResolvers<Link['client']>()
    const waiting: Waiting = { domain, group, begin: turn.resolve }
    this.#waiting.push(waiting)
    this.#serve()
    const openSinceMs = this.#open.get(domain)
    // Its own earlier call is in progress: waits for the rest of that call's time, and no longer.
    const ownMs = openSinceMs === undefined ? Infinity : openSinceMs + timeoutMs - performance.now()
    const waitMs = this.#waiting.includes(waiting) ? Math.max(0, Math.min(how.waitMs ?? timeoutMs, ownMs)) : timeoutMs
    try {
      return await within(turn.promise, { timeoutMs: waitMs, signal: ends })
    } catch (error) {
      const at = this.#waiting.indexOf(waiting)
      if (at >= 0) this.#waiting.splice(at, 1)
      else void turn.promise.then((client) => this.#release(domain, group, client))
      ends.throwIfAborted()
      if (this.#open.has(domain)) throw error
      throw new LibvirtBusy(`no place for a call about this domain: ${this.#underWay} others are under way`)
    }
  }

  /** First come, first served, among those whose domain owes no answer and whose group has the fewest calls in progress. */
  #serve(): void {
    while (this.#underWay < this.#places) {
      const free = this.#waiting.filter(
        ({ domain, group }) => !this.#open.has(domain) && this.#of(group) < this.#perGroup,
      )
      const next = free.toSorted((a, b) => this.#of(a.group) - this.#of(b.group))[0]
      const link = this.#links.find(({ underWay }) => underWay < MAX_IN_FLIGHT)
      if (!next || !link) return
      this.#waiting.splice(this.#waiting.indexOf(next), 1)
      link.underWay++
      this.#underWay++
      this.#open.set(next.domain, performance.now())
      this.#groups.set(next.group, this.#of(next.group) + 1)
      next.begin(link.client as LibvirtClient)
    }
  }

  #of(group: string): number {
    return this.#groups.get(group) ?? 0
  }

  #release(domain: string, group: string, client: Link['client']): void {
    for (const link of this.#links) if (link.client === client) link.underWay--
    this.#underWay--
    this.#open.delete(domain)
    const left = this.#of(group) - 1
    if (left > 0) this.#groups.set(group, left)
    else this.#groups.delete(group)
    this.#serve()
  }
}

function domainOf(args: unknown): string {
  const { domain } = args as { domain: DomainRef }
  return domain.uuid.toString('hex')
}
