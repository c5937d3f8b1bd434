// SPDX-License-Identifier: Apache-2.0
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { messageOf } from '../../lib/errors.ts'

const PACK_MS = 10 * 60_000

/** What becomes the archive, in a folder that only its owner reads. What could not be had is listed in it, and is no reason to have nothing. */
export class BundleFolder implements AsyncDisposable {
  readonly missing: string[] = []
  readonly #parent: string
  readonly #name: string
  readonly #signal: AbortSignal

  private constructor(parent: string, name: string, signal: AbortSignal) {
    this.#parent = parent
    this.#name = name
    this.#signal = signal
  }

  /** @param name of the only folder at the archive's top. @param signal whoever aborts it wants no archive */
  static async create(name: string, signal: AbortSignal): Promise<BundleFolder> {
    return new BundleFolder(await mkdtemp(join(tmpdir(), 'nephele-support-')), name, signal)
  }

  /** @param path in the archive, of words between slashes. @param read what it is to hold; undefined: there is nothing of the kind */
  async add(path: string, read: () => Promise<string | undefined>): Promise<void> {
    let text: string | undefined
    try {
      text = await read()
    } catch (error) {
      this.#signal.throwIfAborted()
      this.missing.push(`${path}: ${messageOf(error)}`)
      return
    }
    if (text === undefined) return
    const file = join(this.#parent, this.#name, path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
  }

  /** @throws ExecError when tar cannot write it */
  async pack(archive: string): Promise<void> {
    await exec(['tar', '--create', '--gzip', '--file', archive, '--directory', this.#parent, '--', this.#name], {
      timeoutMs: PACK_MS,
    })
    await chmod(archive, 0o600)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#parent, { recursive: true, force: true })
  }
}
