// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net'
import type { NameServer } from './exchange.ts'

const MOST = 3
/** How long a server that gave no answer comes last. */
const AVOIDED_MS = 10_000

/** The name servers of a resolv.conf(5), at most three, as the C library has it. Pure. */
export function readResolvConf(text: string): string[] {
  return text
    .split('\n')
    .flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? [])
    .filter((address) => isIP(address) !== 0)
    .slice(0, MOST)
}

/** The servers that are asked, in their order; one that gave no answer comes last for a while, whoever asks it. */
export class Upstreams {
  readonly #port: number
  readonly #avoided = new Map<string, number>()
  #addresses: readonly string[] = []
  #ofProviderNetworks: ReadonlyMap<string, readonly string[]> = new Map()
  #without: ReadonlySet<string> | undefined

  constructor(port = 53) {
    this.#port = port
  }

  /**
   * @param ofProviderNetworks by name: in place of the first, for networks on these; empty: nobody is asked
   * @param without ProviderNetworks that name none; nobody is asked for networks on one that is neither here nor above. Undefined: all others
   */
  set(
    addresses: readonly string[],
    ofProviderNetworks: ReadonlyMap<string, readonly string[]> = new Map(),
    without?: readonly string[],
  ): void {
    this.#addresses = addresses.slice(0, MOST)
    this.#without = without && new Set(without)
    this.#ofProviderNetworks = ofProviderNetworks
    const named = new Set([...addresses, ...[...ofProviderNetworks.values()].flat()])
    for (const address of this.#avoided.keys()) if (!named.has(address)) this.#avoided.delete(address)
  }

  /** @param providerNetwork that the network of the asker is on */
  inOrder(nowMs: number, providerNetwork?: string): NameServer[] {
    const addresses = providerNetwork === undefined ? this.#addresses : this.#addressesOf(providerNetwork)
    const isAvoided = (address: string): boolean => (this.#avoided.get(address) ?? -Infinity) > nowMs
    const [last, first] = [addresses.filter(isAvoided), addresses.filter((a) => !isAvoided(a))]
    return [...first, ...last].map((address) => ({ address, port: this.#port }))
  }

  #addressesOf(providerNetwork: string): readonly string[] {
    const own = this.#ofProviderNetworks.get(providerNetwork)
    if (own) return own.slice(0, MOST)
    // It may be one that lets nobody be asked.
    const isKnown = this.#without?.has(providerNetwork) ?? true
    return isKnown ? this.#addresses : []
  }

  /** Those that lately left a question open. */
  suspects(nowMs: number): Set<string> {
    return new Set([...this.#avoided].flatMap(([address, until]) => (until > nowMs ? [address] : [])))
  }

  avoid({ address }: NameServer, nowMs: number): void {
    this.#avoided.set(address, nowMs + AVOIDED_MS)
  }
}
