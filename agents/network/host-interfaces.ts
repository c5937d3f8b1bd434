// SPDX-License-Identifier: Apache-2.0
import { exec } from '../../lib/exec.ts'

export interface HostInterface {
  /** Tells two devices of one name apart: the kernel never uses one twice within a boot. */
  ifindex: number
  /** Addresses by which somebody reaches the host there; link-local ones, which every interface has, are none. */
  addresses: readonly string[]
  /** The bridge or bond that it is part of. */
  master?: string
}

const TIMEOUT_MS = 10_000

/**
 * All interfaces of the host by name, also those that are down or have no carrier: node:os leaves these out, though their addresses come
 * into effect as soon as they are up.
 */
export async function readHostInterfaces(signal: AbortSignal): Promise<ReadonlyMap<string, HostInterface>> {
  const { stdout } = await exec(['ip', '-json', 'address', 'show'], { timeoutMs: TIMEOUT_MS, signal })
  return toHostInterfaces(JSON.parse(stdout) as IpLink[])
}

/** One element of `ip -json address show`, ip-address(8). */
interface IpLink {
  ifindex?: number
  ifname?: string
  master?: string
  addr_info?: { local?: string; scope?: string }[]
}

export function toHostInterfaces(links: readonly IpLink[]): ReadonlyMap<string, HostInterface> {
  const found = new Map<string, HostInterface>()
  for (const { ifindex, ifname, master, addr_info = [] } of links) {
    if (ifname === undefined || ifindex === undefined) continue
    const addresses = addr_info.flatMap(({ local, scope }) => (local === undefined || scope === 'link' ? [] : [local]))
    found.set(ifname, { ifindex, addresses, ...(master === undefined ? {} : { master }) })
  }
  return found
}

/** A port of a bridge passes packets only when its device is up. @param name checked by the contract: never an option of ip */
export async function bringInterfaceUp(name: string, signal: AbortSignal): Promise<void> {
  await exec(['ip', 'link', 'set', 'dev', name, 'up'], { timeoutMs: TIMEOUT_MS, signal })
}
