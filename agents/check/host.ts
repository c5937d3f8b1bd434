// SPDX-License-Identifier: Apache-2.0
import { readdir, stat, statfs } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { join } from 'node:path'
import { codeOf, readIfThere, unlessMissing } from '../../lib/durable-files.ts'

const PROGRAM_FOLDERS = ['usr/local/sbin', 'usr/local/bin', 'usr/sbin', 'usr/bin', 'sbin', 'bin']

/** The files of the host, which the agent's pod sees by its first process. Reads and nothing else. */
export class Host {
  readonly #root: string

  /** @param root of its file system */
  constructor(root: string) {
    this.#root = root
  }

  path(path: string): string {
    return join(this.#root, path)
  }

  /** Undefined: it is not there. */
  read(path: string): Promise<string | undefined> {
    return readIfThere(this.path(path))
  }

  stat(path: string): Promise<Stats | undefined> {
    return unlessMissing(() => stat(this.path(path)), undefined)
  }

  list(path: string): Promise<string[]> {
    return unlessMissing(() => readdir(this.path(path)), [])
  }

  /** Of the file system that has it: its magic number (statfs(2)), and what is free. Undefined: it is not there. */
  async fileSystem(path: string): Promise<{ type: number; freeGiB: number } | undefined> {
    const found = await unlessMissing(() => statfs(this.path(path)), undefined)
    return found && { type: found.type, freeGiB: (found.bavail * found.bsize) / 2 ** 30 }
  }

  /** Those of the programs that are not installed. */
  async listMissing(programs: readonly string[]): Promise<string[]> {
    const isThere = async (program: string): Promise<boolean> => {
      for (const folder of PROGRAM_FOLDERS) if (await this.stat(join(folder, program))) return true
      return false
    }
    const found = await Promise.all(programs.map(isThere))
    return programs.filter((_, i) => found[i] !== true)
  }

  /** Names of what runs there, as the kernel cuts them (15 characters). */
  async listProcesses(): Promise<Set<string>> {
    const pids = (await this.list('proc')).filter((name) => /^[0-9]+$/.test(name))
    const names = await Promise.all(pids.map((pid) => this.read(`proc/${pid}/comm`).catch(unlessGone)))
    return new Set(names.flatMap((name) => name?.trim() ?? []))
  }
}

/** A process that ends while it is looked at. */
function unlessGone(error: unknown): undefined {
  if (codeOf(error) === 'ESRCH') return undefined
  throw error
}
