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
