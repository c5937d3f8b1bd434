// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import type { BalancerSpec } from '../../lib/contract/documents.ts'
import { codeOf, unlessMissing } from '../../lib/durable-files.ts'
import { SERVICE_INNER } from '../network/service-ports.ts'
import type { DaemonProcess } from '../daemons/daemon-process.ts'

/** In the form of ip(8) and of keepalived. Pure. */
export function sharedPrefix({ sharedAddress }: Pick<BalancerSpec, 'sharedAddress'>): string {
  return `${sharedAddress}/${sharedAddress.includes(':') ? 128 : 32}`
}

/** Lines for ip(8). Pure. */
export function planAddress(spec: BalancerSpec): string[] {
  const nodad = spec.sharedAddress.includes(':') ? ' nodad' : ''
  return [`address replace ${sharedPrefix(spec)} dev ${SERVICE_INNER}${nodad}`]
}

/** Pure. */
export function planNoAddress(spec: BalancerSpec): string[] {
  return [`address delete ${sharedPrefix(spec)} dev ${SERVICE_INNER}`]
}

/** Whether its namespace has the address: proc(5), /proc/net/fib_trie and if_inet6. */
export async function hasAddress({ pid }: DaemonProcess, address: string): Promise<boolean> {
  const read = (file: string) =>
    unlessMissing(() => readFile(`/proc/${pid}/net/${file}`, 'utf8'), '').catch((error: unknown) => {
      if (codeOf(error) === 'ESRCH' || codeOf(error) === 'EINVAL') return ''
      throw error
    })
  if (address.includes(':')) return (await read('if_inet6')).includes(inHex(address))
  return new RegExp(`\\|-- ${address.replaceAll('.', '\\.')}\\n\\s+/32 host LOCAL`).test(await read('fib_trie'))
}

/** As the kernel lists it: 32 digits. */
export function inHex(address: string): string {
  const [head = '', tail] = address.split('::')
  const words = (text: string) => (text === '' ? [] : text.split(':').map((word) => word.padStart(4, '0')))
  const [before, after] = [words(head), words(tail ?? '')]
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0000')
  return [...before, ...(tail === undefined ? [] : zeros), ...after].join('')
}
