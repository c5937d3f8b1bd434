// SPDX-License-Identifier: Apache-2.0
import { exec } from '../../lib/exec.ts'
import { SERVICE_INNER } from './service-ports.ts'
import { ipInside, namespaceFileOf } from './veth-namespace.ts'

const TIMEOUT_MS = 10_000

/** Of the family of the address; the kernel's ip-sysctl.rst: arp_notify, ndisc_notify. Pure. */
function noticeSwitch(address: string): string {
  const [family, name] = address.includes(':') ? ['ipv6', 'ndisc_notify'] : ['ipv4', 'arp_notify']
  return `/proc/sys/net/${family}/conf/${SERVICE_INNER}/${name}`
}

/**
 * Tells the network which MAC address the addresses of a service's interface have: neighbours that know that of another node learn it at once, and
 * not after the minute that the kernel believes in it. That the link gets its own MAC again makes the kernel do so. The interface is up and has them.
 * @param name of the namespace
 * @param before lines of ip(8) that go with it in one run
 */
export async function announceAddresses(
  name: string,
  { addresses, mac, before = [] }: { addresses: readonly string[]; mac: string; before?: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  const switches = [...new Set(addresses.map(noticeSwitch))]
  const argv = ['nsenter', `--net=${namespaceFileOf(name)}`, '--', 'tee', '--', ...switches] as const
  await exec(argv, { timeoutMs: TIMEOUT_MS, signal, input: '1\n' })
  await ipInside(name, [...before, `link set ${SERVICE_INNER} address ${mac}`], signal)
}
