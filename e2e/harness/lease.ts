// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../lib/api/types.ts'
import type { GuestDoor } from './guest-door.ts'

/** Prints a lease instead of using it. */
const PRINTER = '/tmp/print-lease.sh'

/**
 * What DHCP answers a guest's eth0 now, by udhcpc's names (ip, mask, router, dns, domain, mtu, lease, staticroutes, hostname); its
 * interface stays as it is. Empty when nobody answers.
 */
export async function askDhcp(door: GuestDoor, guest: Instance | string): Promise<Record<string, string>> {
  const options = ['mtu', 'staticroutes', 'hostname', 'domain', 'dns', 'router'].map((name) => `-O ${name}`).join(' ')
  const script = `printf '#!/bin/sh\\n[ "$1" = bound ] && env\\n:\\n' > ${PRINTER}; chmod +x ${PRINTER}; udhcpc -i eth0 -f -n -q -t 3 -T 1 ${options} -s ${PRINTER} 2>/dev/null || :`
  const lines = (await door.ssh(guest, script)).split('\n')
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}
