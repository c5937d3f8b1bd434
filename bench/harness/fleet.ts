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

/** What the process of the agents says. `lost`: an agent will not do its part any more, and why. */
export type FleetWord = { connected: true } | { beats: number } | { lost: string }

const PROGRAM = join(import.meta.dirname, 'fleet-process.ts')

export class Fleet {
  readonly #child: ChildProcess
  readonly #failed = Promise.withResolvers<never>()
  #isStopped = false

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#failed.promise.catch(() => undefined)
    const fail = (why: string) => this.#failed.reject(new Error(`the fake agents failed: ${why}`))
    child.on('message', (word) => {
      const said = word as FleetWord
      if ('lost' in said) fail(said.lost)
    })
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code, signal) => {
      if (!this.#isStopped) fail(`their process ended with ${signal ?? code}; what it printed is above`)
    })
  }

  /** Resolves when all are connected. @param dir for its settings @throws when one of them fails before */
  static async start(dir: string, config: FleetConfig, program = PROGRAM): Promise<Fleet> {
    const file = join(dir, 'fleet.json')
    await writeFile(file, JSON.stringify(config))
    const fleet = new Fleet(fork(program, [file], { execArgv: ['--disable-warning=ExperimentalWarning'] }))
    try {
      await fleet.#hear((word) => ('connected' in word ? word : undefined))
      return fleet
    } catch (error) {
      await fleet.stop()
      throw error
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Rejects, with the reason, as soon as an agent is lost or all of them end; never after `stop`. */
  get failed(): Promise<never> {
    return this.#failed.promise
  }

  /** From now on, and for all they were told before, they say that machines run. */
  tell(): void {
    this.#child.send('tell')
  }

  /** Heartbeats that they have sent. */
  async countBeats(): Promise<number> {
    const answer = this.#hear((word) => ('beats' in word ? word : undefined))
    this.#child.send('beats')
    return (await answer).beats
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }

  /** The next such word. @throws when an agent is lost meanwhile */
  async #hear<T>(read: (word: FleetWord) => T | undefined): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>()
    const listen = (word: unknown): void => {
      const found = read(word as FleetWord)
      if (found !== undefined) resolve(found)
    }
    this.#child.on('message', listen)
    try {
      return await Promise.race([promise, this.#failed.promise])
    } finally {
      this.#child.off('message', listen)
    }
  }
}
