// SPDX-License-Identifier: Apache-2.0

/** More would be no mask of a machine's CPUs. */
const MOST_DIGITS = 2048

/**
 * The CPUs of `other_config:pmd-cpu-mask`, a hexadecimal bit mask, ovs-vswitchd.conf.db(5); undefined where nobody wrote it, or it is none: the switch then
 * polls on the first CPU of each cell that has a card of its own, which it does not say.
 */
export function parsePmdMask(mask: string | undefined): number[] | undefined {
  const digits = /^(?:0[xX])?([0-9a-fA-F]+)$/.exec(mask ?? '')?.[1]
  if (digits === undefined || digits.length > MOST_DIGITS) return undefined
  const cpus: number[] = []
  // The last digit has the first four.
  for (let i = 0; i < digits.length; i++) {
    const digit = parseInt(digits.charAt(digits.length - 1 - i), 16)
    for (let bit = 0; bit < 4; bit++) if ((digit & (1 << bit)) !== 0) cpus.push(4 * i + bit)
  }
  return cpus.length > 0 ? cpus : undefined
}
