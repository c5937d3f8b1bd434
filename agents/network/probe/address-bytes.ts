// SPDX-License-Identifier: Apache-2.0
import { isIPv4, isIPv6 } from 'node:net'

/** 4 or 16 bytes. @throws TypeError when it is no address */
export function toBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  if (!isIPv6(address)) throw new TypeError(`${address} is no IP address`)
  const plain = address.replace(/%.*$/, '').replace(/\d+(\.\d+){3}$/, (last) => {
    const hex = toBytes(last).toString('hex')
    return `${hex.slice(0, 4)}:${hex.slice(4)}`
  })
  const [head = '', tail] = plain.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const [left, right] = [groups(head), groups(tail ?? '')]
  const zeros = Array<string>(8 - left.length - right.length).fill('0')
  return Buffer.from([...left, ...zeros, ...right].map((group) => group.padStart(4, '0')).join(''), 'hex')
}

/** Of 4 or 16 bytes; IPv6 in the form of RFC 5952. */
export function toAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = bytes.toString('hex').match(/.{4}/g) ?? []
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
