// SPDX-License-Identifier: Apache-2.0
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'

/** One way in which an object waits, and how what it waits for ends. */
export interface WaitRow {
  /** Of its condition while it waits. */
  reason: string
  /** Its condition: Ready when left out. */
  of?: string
  /** The kind, for the title. */
  where: Where | ((cloud: QuietCloud) => Where)
  /** Tells ways to wait for the same reason apart. */
  by?: string
  waits: (cloud: QuietCloud) => void | Promise<void>
  ends: (cloud: QuietCloud) => void | Promise<void>
  /** Where it then is: `Ready` when left out, or `gone`. */
  next?: string
}

export const vm: Where = ['instances', ns('vm')]
export const port: Where = ['ports', ns('eth')]
export const disk: Where = ['volumes', ns('disk')]

export const MAC = 'fa:16:3e:00:00:01'
/** A machine's interface in the network that is there. */
export const nic = (more: object) => ({ networks: [{ networkRef: { name: 'lan' }, ...more }] })

/** The two ways in which an object waits for a node that is not there. */
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
