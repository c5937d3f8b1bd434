// SPDX-License-Identifier: Apache-2.0
import { toFigure, type Figure } from './figure.ts'

export interface Changes {
  n: number
  /** Milliseconds of CPU a change, garbage collection included. */
  few: number
  lots: number
  /** Of the operator's first look at everything. */
  resyncWrites: number
}

export interface Cached {
  heapMiB: number
  rssMiB: number
  cpuMs: number
}

export interface ColdStart {
  seconds: number
  rssMiB: number
}

interface Measured {
  /** Objects of each kind in the small cloud, and in the large one. */
  few: number
  many: number
  changes: Changes
  caches: Cached
  peer: Cached
  again: ColdStart
}

/** What the bench `memory` prints, with what is asked of it. */
export function toFigures({ few, many, changes, caches, peer, again }: Measured): Figure[] {
  const bench = 'memory'
  const name = 'client-node ListWatch'
  const per10k = (mib: number) => mib / ((2 * many) / 10_000)
  const heap = per10k(caches.heapMiB)
  return [
    toFigure({
      bench,
      metric: 'heap of 10,000 cached objects',
      value: heap,
      unit: 'MiB',
      n: 2 * many,
      peer: { name, value: per10k(peer.heapMiB) },
      target: { text: '≤ 20 MiB', pass: heap <= 20 },
    }),
    toFigure({
      bench,
      metric: 'RSS of the operator after a resync',
      value: again.rssMiB,
      unit: 'MiB',
      n: 2 * many,
      target: { text: '≤ 250 MiB', pass: again.rssMiB <= 250 },
    }),
    toFigure({
      bench,
      metric: 'RSS with the caches alone',
      value: caches.rssMiB,
      unit: 'MiB',
      n: 2 * many,
      peer: { name, value: peer.rssMiB },
    }),
    toFigure({
      bench,
      metric: 'CPU of the first list',
      value: caches.cpuMs,
      unit: 'ms',
      n: 2 * many,
      peer: { name, value: peer.cpuMs },
    }),
    toFigure({
      bench,
      metric: `CPU of one change at ${many} of each kind`,
      value: changes.lots,
      unit: 'ms',
      n: changes.n,
      peer: { name: `the same at ${few}`, value: changes.few },
      target: { text: '≤ 1.2 × that at 100', pass: changes.lots <= 1.2 * changes.few },
    }),
    toFigure({
      bench,
      metric: 'writes of a resync, nothing changed',
      value: changes.resyncWrites,
      unit: 'writes',
      n: 2 * many,
      target: { text: '0', pass: changes.resyncWrites === 0 },
    }),
    toFigure({
      bench,
      metric: 'cold start to the first right reconcile',
      value: again.seconds,
      unit: 's',
      n: 1,
      target: { text: '≤ 3 s', pass: again.seconds <= 3 },
    }),
  ]
}
