// SPDX-License-Identifier: Apache-2.0
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder, unlessMissing, writeWhole } from '../../../lib/durable-files.ts'

/** Which accesses were used: files of their names, so that none opens a second console after a restart of the agent. */
export class UsedAccesses {
  readonly #dir: string
  readonly #used: Promise<Map<string, string>>
  #known = new Map<string, string>()

  /** @param dir made when it is needed */
  constructor(dir: string) {
    this.#dir = dir
    this.#used = this.#read()
    // Whoever needs it finds out.
    this.#used.catch(() => undefined)
  }

  /** Durable when it resolves. Both are UIDs as documents have them, which name no other folder. */
  async add(access: string, machine: string): Promise<void> {
    await this.ready()
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
    await writeWhole(join(this.#dir, `${access}@${machine}`), '')
    await syncFolder(this.#dir)
    this.#known.set(access, machine)
  }

  /** Before it resolves, `has` knows nothing. */
  async ready(): Promise<void> {
    this.#known = await this.#used
  }

  has(access: string): boolean {
    return this.#known.has(access)
  }

  /** Forgets those of the machine that its document has no more: nobody can use them. */
  async keep(machine: string, accesses: ReadonlySet<string>): Promise<void> {
    await this.ready()
    for (const [access, of] of this.#known) {
      if (of !== machine || accesses.has(access)) continue
      this.#known.delete(access)
      await rm(join(this.#dir, `${access}@${machine}`), { force: true })
    }
  }

  async #read(): Promise<Map<string, string>> {
    const names = await unlessMissing(() => readdir(this.#dir), [])
    const pairs = names
      .map((name) => name.split('@'))
      .filter(([, machine]) => machine !== undefined && !machine.endsWith('.new'))
    return new Map(pairs as [string, string][])
  }
}
