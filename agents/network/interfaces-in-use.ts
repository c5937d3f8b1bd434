// SPDX-License-Identifier: Apache-2.0
import type { HostInterface } from './host-interfaces.ts'

/** An address that is gone for less may come back by itself: netplan replaces them one by one, DHCP asks again. */
export const GONE_FOR_MS = 5 * 60_000

interface Use {
  why: string
  /** It carries an address by which the cloud knows the node: kept until another interface has it. */
  own?: string
  /** When a look first found the use gone. */
  goneSince?: number
}

/**
 * What the host uses its interfaces for, as several looks saw it: an interface that loses its address for a moment is not free, and the node
 * would not be reached any more if it were taken.
 */
export class InterfacesInUse {
  readonly #own: readonly string[]
  readonly #now: () => number
  readonly #uses = new Map<string, Use>()

  /** @param own by which the cloud knows the node. @param now in milliseconds, and never set back */
  constructor(own: readonly string[], now: () => number) {
    this.#own = own
    this.#now = now
  }

  /** Call with all interfaces of the host. */
  note(links: ReadonlyMap<string, HostInterface>): void {
    const carried = new Set([...links.values()].flatMap(({ addresses }) => addresses))
    for (const [device, use] of this.#uses) {
      const link = links.get(device)
      if (link && useOf(link, this.#own)) continue
      if (use.own !== undefined && !carried.has(use.own)) continue
      use.goneSince ??= this.#now()
      if (this.#now() - use.goneSince >= GONE_FOR_MS) this.#uses.delete(device)
    }
    for (const [device, link] of links) {
      const use = useOf(link, this.#own)
      if (use) this.#uses.set(device, use)
    }
  }

  /** Why the host needs the interface; undefined: it is free. */
  whyInUse(device: string): string | undefined {
    return this.#uses.get(device)?.why
  }

  /** Somebody has decided anew on the interface: what it was used for counts no longer. The node's own addresses do. */
  forget(device: string): void {
    if (this.#uses.get(device)?.own === undefined) this.#uses.delete(device)
  }
}

function useOf({ addresses, isDefaultRoute, uppers }: HostInterface, own: readonly string[]): Use | undefined {
  const mine = addresses.find((address) => own.includes(address))
  if (mine !== undefined) {
    return { why: `has the address ${mine}, by which the cloud reaches the node: write another interface`, own: mine }
  }
  if (isDefaultRoute) return { why: 'has the default route of the node: write another interface' }
  const [address] = addresses
  if (address !== undefined) {
    return {
      why: `has the address ${address}, by which the node would no longer be reached: take the address away (five minutes later it counts as free), or write another interface`,
    }
  }
  const [upper] = uppers ?? []
  if (upper !== undefined) return { why: `carries ${upper}: remove ${upper}, or write another interface` }
  return undefined
}
