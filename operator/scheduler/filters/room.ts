// SPDX-License-Identifier: Apache-2.0
interface Room {
  free: number
  all: number
  what: string
  wanted: number
  /** Explains what the wanted amount includes beyond the user's request. */
  note?: string
  /** The amount of the node reserved for the host. */
  kept: number | undefined
}

/** Where more is handed out than there is: no machine alone gets more than that, as in Nova. */
export function whyTooLarge({
  there,
  what,
  wanted,
  note = '',
}: Pick<Room, 'what' | 'wanted' | 'note'> & { there: number }) {
  return wanted <= there ? undefined : `has ${Math.floor(there)} ${what} in all, ${wanted} wanted${note}`
}

/** What lacks, and by how much; undefined: there is enough. */
export function whyShort({ free, all, what, wanted, note = '', kept = 0 }: Room): string | undefined {
  if (wanted <= free) return undefined
  const reserved = kept === 0 ? '' : `; spec.reserved keeps ${kept} for the host`
  return `has ${Math.max(0, Math.floor(free))} of ${Math.floor(all)} ${what} free, ${wanted} wanted${note}${reserved}`
}
