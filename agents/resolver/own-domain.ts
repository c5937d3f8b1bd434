// SPDX-License-Identifier: Apache-2.0
// Names of the network's own domain. OVN answers for those that its machines have, before a query comes here; what comes is for another name, or
// for a type that a name has no record of, such as AAAA of a machine without IPv6. Which of the two is not known here, and "no such name" would make
// many guests doubt the other family's answer too (musl, RFC 8020): such a name has no such record.

/** Of ICANN for private use: nobody outside knows anything under it. */
const PRIVATE = 'internal'

export function isUnder(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`)
}

/** Whether the question is answered here, and nobody outside hears of it. */
export function staysInside(name: string, domain: string | undefined): boolean {
  return domain !== undefined && isUnder(name, domain) && isUnder(domain, PRIVATE)
}
