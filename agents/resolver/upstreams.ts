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

  constructor(port = 53) {
    this.#port = port
  }

  /** @param ofProviderNetworks by name: in place of the first, for networks on these; empty: nobody is asked */
  set(addresses: readonly string[], ofProviderNetworks: ReadonlyMap<string, readonly string[]> = new Map()): void {
    this.#addresses = addresses.slice(0, MOST)
    this.#ofProviderNetworks = ofProviderNetworks
    const named = new Set([...addresses, ...[...ofProviderNetworks.values()].flat()])
    for (const address of this.#avoided.keys()) if (!named.has(address)) this.#avoided.delete(address)
  }

  /** @param providerNetwork that the network of the asker is on */
  inOrder(nowMs: number, providerNetwork?: string): NameServer[] {
    const own = providerNetwork === undefined ? undefined : this.#ofProviderNetworks.get(providerNetwork)
    const addresses = own?.slice(0, MOST) ?? this.#addresses
    const isAvoided = (address: string): boolean => (this.#avoided.get(address) ?? -Infinity) > nowMs
    const [last, first] = [addresses.filter(isAvoided), addresses.filter((a) => !isAvoided(a))]
    return [...first, ...last].map((address) => ({ address, port: this.#port }))
  }

  /** Those that lately left a question open. */
  suspects(nowMs: number): Set<string> {
    return new Set([...this.#avoided].flatMap(([address, until]) => (until > nowMs ? [address] : [])))
  }

  avoid({ address }: NameServer, nowMs: number): void {
    this.#avoided.set(address, nowMs + AVOIDED_MS)
  }
}
