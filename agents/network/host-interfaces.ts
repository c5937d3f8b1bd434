// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { isDeviceName } from './host-links.ts'

export interface HostInterface {
  /** Tells two devices of one name apart: the kernel never uses one twice within a boot. */
  ifindex: number
  /** Addresses by which somebody reaches the host there; link-local ones, which every interface has, are none. */
  addresses: readonly string[]
  /** The bridge or bond that it is part of. */
  master?: string
  /** The way to everywhere goes by it. */
  isDefaultRoute?: true
  /** Devices that are made of it, such as VLANs of it. */
  uppers?: readonly string[]
}

const TIMEOUT_MS = 10_000
const SYSCTL = '/proc/sys/net'
/** A route of the kernel that refuses: linux/route.h. */
const RTF_REJECT = 0x200

/**
 * All interfaces of the host by name, also those that are down or have no carrier: node:os leaves these out, though their addresses come
 * into effect as soon as they are up.
 */
export async function readHostInterfaces(signal: AbortSignal): Promise<ReadonlyMap<string, HostInterface>> {
  const { stdout } = await exec(['ip', '-json', 'address', 'show'], { timeoutMs: TIMEOUT_MS, signal })
  return readUses(toHostInterfaces(JSON.parse(stdout) as IpLink[]))
}

/** Adds what else the host uses its interfaces for. @param root another than / in tests */
export async function readUses(
  links: ReadonlyMap<string, HostInterface>,
  root = '/',
): Promise<ReadonlyMap<string, HostInterface>> {
  const read = (name: string) => readFile(join(root, 'proc/net', name), 'utf8').catch(emptyIfMissing(''))
  const routed = new Set([...defaultRoutes4(await read('route')), ...defaultRoutes6(await read('ipv6_route'))])
  const found = new Map<string, HostInterface>()
  for (const [device, link] of links) {
    const entries = await readdir(join(root, 'sys/class/net', device)).catch(emptyIfMissing<string[]>([]))
    const uppers = entries.flatMap((entry) => /^upper_(.+)$/.exec(entry)?.[1] ?? [])
    const others = uppers.filter((upper) => upper !== link.master).sort()
    found.set(device, {
      ...link,
      ...(routed.has(device) ? { isDefaultRoute: true } : {}),
      ...(others.length > 0 ? { uppers: others } : {}),
    })
  }
  return found
}

/** IPv6 may be off, and a device go between two looks. */
function emptyIfMissing<T>(empty: T) {
  return (error: NodeJS.ErrnoException): T => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return empty
    throw error
  }
}

/** Of /proc/net/route: interface, destination, gateway, flags, references, uses, metric, mask. */
function defaultRoutes4(text: string): string[] {
  const rows = text.split('\n').map((line) => line.trim().split(/\s+/))
  return rows.flatMap(([device = '', to, , flags = '', , , , mask]) =>
    to === '00000000' && mask === '00000000' && (parseInt(flags, 16) & RTF_REJECT) === 0 ? [device] : [],
  )
}

/** Of /proc/net/ipv6_route: destination and its length first, flags and interface last. */
function defaultRoutes6(text: string): string[] {
  const rows = text.split('\n').map((line) => line.trim().split(/\s+/))
  return rows.flatMap((row) => {
    const [flags = '', device = ''] = row.slice(-2)
    const isDefault = row.length === 10 && /^0{32}$/.test(row[0] ?? '') && row[1] === '00'
    return isDefault && (parseInt(flags, 16) & RTF_REJECT) === 0 ? [device] : []
  })
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

/**
 * Without these the node itself answers on a physical network, by IPv6's link-local address and to ARP for any address that it has
 * (ip-sysctl of the kernel: arp_ignore 8 answers for none).
 */
const SILENT = { 'ipv6/conf': ['disable_ipv6', '1'], 'ipv4/conf': ['arp_ignore', '8'] } as const
/** Names of the kernel's own folders there, which are no devices. */
const NO_DEVICES = ['all', 'default']

/** Keeps the node's own IP from answering there. A protocol or device that is not there needs nothing. @throws of the writing */
export async function silenceHost(name: string, folder = SYSCTL): Promise<void> {
  const writes = Object.entries(SILENT).map(([conf, [key, value]]) => writeSysctl(folder, conf, name, key, value))
  // One that fails does not keep the other from being written.
  await Promise.allSettled(writes)
  await Promise.all(writes)
}

/** As a new device has it. */
export async function unsilenceHost(name: string, folder = SYSCTL): Promise<void> {
  for (const [conf, [key]] of Object.entries(SILENT)) {
    const value = await readFile(join(folder, conf, 'default', key), 'utf8').catch(emptyIfMissing(''))
    if (value !== '') await writeSysctl(folder, conf, name, key, value.trim())
  }
}

async function writeSysctl(folder: string, conf: string, name: string, key: string, value: string): Promise<void> {
  if (!isDeviceName(name) || NO_DEVICES.includes(name)) throw new TypeError('not a device name')
  const path = join(folder, conf, name, key)
  const held = await readFile(path, 'utf8').catch(emptyIfMissing<string | undefined>(undefined))
  // Never makes a file: a device that went has none.
  if (held === undefined || held.trim() === value) return
  await writeFile(path, value, { flag: 'r+' }).catch(emptyIfMissing(undefined))
}

/** A port of a bridge passes packets only when its device is up. @param name checked by the contract: never an option of ip */
export async function bringInterfaceUp(name: string, signal: AbortSignal): Promise<void> {
  await exec(['ip', 'link', 'set', 'dev', name, 'up'], { timeoutMs: TIMEOUT_MS, signal })
}
