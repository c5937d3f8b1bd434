// SPDX-License-Identifier: Apache-2.0
// Whether name servers answer. Guests' questions alone do not tell: one for a name whose own servers are slow stays without an answer, too. So a server
// that left one open is asked something that every server answers at once, and only what that says counts.
import { ask, type NameServer } from './exchange.ts'
import { readQuery, type Query } from './message.ts'
import { toTime } from '../../lib/time/rfc3339.ts'

/** How often one is asked of which it is not sure that it answers; nobody asks the others. */
const PROBE_EVERY_MS = 5_000
/** So many in a row that say otherwise change what is said of a server. */
const IN_A_ROW = 2
const TIMEOUT_MS = 1500

export interface UpstreamState {
  address: string
  /** RFC 3339: when it was first found to answer, or not to. */
  since: string
  /** Why it does not answer. */
  error?: string
}

interface Known {
  /** Undefined until it has answered, or failed to, often enough. */
  said?: UpstreamState
  /** Probes in a row that say otherwise. */
  otherwise: number
  probedAtMs: number
}

/** @returns why there is no answer; undefined: there is one */
export type Probe = (address: string) => Promise<string | undefined>

export class UpstreamHealth {
  readonly #probe: Probe
  readonly #now: () => Date
  readonly #known = new Map<string, Known>()

  constructor(probe: Probe, now: () => Date = () => new Date()) {
    this.#probe = probe
    this.#now = now
  }

  /**
   * Asks those of which it is not sure.
   * @param suspects left a question of a guest open
   * @returns in the order of the addresses; undefined while it is not known of all
   */
  async look(addresses: readonly string[], suspects: ReadonlySet<string>): Promise<UpstreamState[] | undefined> {
    for (const address of this.#known.keys()) if (!addresses.includes(address)) this.#known.delete(address)
    const due = addresses.filter((address) => this.#isDue(address, suspects.has(address)))
    const found = await Promise.all(due.map(async (address) => ({ address, error: await this.#probe(address) })))
    for (const { address, error } of found) this.#known.set(address, this.#note(address, error))
    const states = addresses.flatMap((address) => this.#known.get(address)?.said ?? [])
    return states.length === addresses.length ? states : undefined
  }

  #isDue(address: string, isSuspect: boolean): boolean {
    const known = this.#known.get(address)
    if (!known) return true
    const isSure = known.said !== undefined && known.said.error === undefined && known.otherwise === 0 && !isSuspect
    return !isSure && this.#now().getTime() - known.probedAtMs >= PROBE_EVERY_MS
  }

  #note(address: string, error: string | undefined): Known {
    const now = this.#now()
    const { said, otherwise } = this.#known.get(address) ?? { otherwise: 0 }
    const probedAtMs = now.getTime()
    if (said && (said.error === undefined) === (error === undefined)) return { said, otherwise: 0, probedAtMs }
    // The first answer of all is enough: no node that starts is said to have none because its network is a little later.
    const isEnough = otherwise + 1 >= IN_A_ROW || (!said && error === undefined)
    if (!isEnough) return { ...(said ? { said } : {}), otherwise: otherwise + 1, probedAtMs }
    const since = toTime(now)
    return { said: { address, since, ...(error === undefined ? {} : { error }) }, otherwise: 0, probedAtMs }
  }
}

/** Asks for the servers of the root. A refusal is an answer, too. */
export async function probeServer(server: NameServer): Promise<string | undefined> {
  try {
    await ask(server, rootQuestion(), 'udp', TIMEOUT_MS)
    return undefined
  } catch (err) {
    return err instanceof Error ? err.message : String(err)
  }
}

function rootQuestion(): Query {
  const bytes = Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1])
  const read = readQuery(bytes)
  if (!read) throw new Error('not a question')
  return read.query
}
