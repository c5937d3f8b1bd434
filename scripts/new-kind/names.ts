// SPDX-License-Identifier: Apache-2.0
import { constantNameOf, kindNameOf } from '../api-kinds.ts'
import { toFolder } from '../scenarios.ts'

/** All that a kind is called, by the place. For `FloatingIP`: */
export interface KindNames {
  kind: string
  /** `floatingips` */
  plural: string
  /** `floatingIP` */
  camel: string
  /** `floatingIPs`: its row, cache and controller. */
  row: string
  /** `FLOATING_IP` */
  constant: string
  /** `floating-ip` */
  folder: string
  /** `nfip` */
  short: string
  /** Whether it is in no namespace. */
  isCluster: boolean
}

/**
 * @param taken short names of other kinds
 * @throws for a name that is none
 */
export function namesOf(kind: string, isCluster: boolean, taken: readonly string[]): KindNames {
  if (!/^[A-Z][A-Za-z]{1,40}$/.test(kind) || /[^s]s$/.test(kind))
    throw new Error(
      `${JSON.stringify(kind)} is no name of a kind: write it in CamelCase and in the singular, such as FloatingIP`,
    )
  const lower = kind.toLowerCase()
  const plural = pluralOf(lower)
  const initials = kind.replaceAll(/[a-z]/g, '').toLowerCase()
  const short = [`n${initials}`, `n${lower}`].find((name) => name.length > 2 && !taken.includes(name))
  return {
    kind,
    plural,
    camel: kindNameOf({ kind, plural: lower }),
    row: kindNameOf({ kind, plural }),
    constant: constantNameOf(kind),
    folder: toFolder(kind),
    short: short ?? `n${plural}`,
    isCluster,
  }
}

function pluralOf(word: string): string {
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`
  return /(?:s|x|z|ch|sh)$/.test(word) ? `${word}es` : `${word}s`
}
