// SPDX-License-Identifier: Apache-2.0
import { automaticPortName } from '../../placed/automatic-port-name.ts'
import type { CacheName } from '../memory-cluster.ts'
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'

/** One way in which an object waits, and how the wait ends. */
export interface WaitRow {
  /** The reason of its condition while it waits. */
  reason: string
  /** The type of that condition; default: Ready. */
  of?: string
  /** The kind, for the title. */
  where: Where | ((cloud: QuietCloud) => Where)
  /** Distinguishes several waits with the same reason. */
  by?: string
  waits: (cloud: QuietCloud) => void | Promise<void>
  ends: (cloud: QuietCloud) => void | Promise<void>
  /** What it reaches then, such as `gone`; default: `Ready`. */
  next?: string
}

export const vm: Where = ['instances', ns('vm')]
export const port: Where = ['ports', ns('eth')]
export const disk: Where = ['volumes', ns('disk')]

export const MAC = 'fa:16:3e:00:00:01'
/** A machine's interface on the existing network. */
export const nic = (more: object) => ({ networks: [{ networkRef: { name: 'lan' }, ...more }] })

/** The port of the machine's first interface. */
export const automaticPort = (c: QuietCloud): Where => ['ports', ns(automaticPortName(c.operator.get(...vm), 0))]

/** The two ways in which an object waits for a node that is away: silent, and confirmed lost. */
export function absenceRows(
  where: Where,
  { node, silent, lost, begins }: { node: string; silent: string; lost: string; begins: (cloud: QuietCloud) => void },
): WaitRow[] {
  const afterwards = (happens: (c: QuietCloud) => void) => async (c: QuietCloud) => {
    begins(c)
    await c.operator.rest()
    happens(c)
  }
  return [
    {
      ...{ reason: silent, where },
      waits: afterwards((c) => c.operator.silence(node)),
      ends: (c) => c.operator.beat(node),
    },
    {
      ...{ reason: lost, where },
      waits: afterwards((c) => c.set('computeNodes', node, { lost: 'Confirmed' })),
      ends: (c) => c.set('computeNodes', node, { lost: undefined }),
    },
  ]
}

/** What it names is being deleted, and made anew. */
export const anew = (cache: CacheName, name: string, again: (c: QuietCloud) => void) => async (c: QuietCloud) => {
  c.drop(cache, name)
  await c.operator.rest()
  again(c)
}
