// SPDX-License-Identifier: Apache-2.0
// Fake agents in processes of their own, each with the token of its node.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BusAddress } from '../../lib/nats/connect.ts'

export interface FleetConfig {
  nodes: string[]
  /** A file for each node. */
  tokenDir: string
  address: BusAddress
  /** They say nothing of machines until they are told to. */
  isHeld: boolean
}

export class Fleet {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** Resolves when all are connected. @param dir for its settings */
  static async start(dir: string, config: FleetConfig): Promise<Fleet> {
    const file = join(dir, 'fleet.json')
    await writeFile(file, JSON.stringify(config))
    const execArgv = ['--disable-warning=ExperimentalWarning']
    const child = fork(join(import.meta.dirname, 'fleet-process.ts'), [file], { execArgv })
    const ended = once(child, 'exit').then(() => Promise.reject(new Error('the fake agents ended')))
    await Promise.race([once(child, 'message'), ended])
    ended.catch(() => undefined)
    return new Fleet(child)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** From now on, and for all they were told before, they say that machines run. */
  tell(): void {
    this.#child.send('tell')
  }

  /** Heartbeats that they have sent. */
  async countBeats(): Promise<number> {
    this.#child.send('beats')
    const [beats] = (await once(this.#child, 'message')) as [number]
    return beats
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }
}
