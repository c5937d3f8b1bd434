// SPDX-License-Identifier: Apache-2.0
import { chmod, mkdir, mkdtemp, open, rm, type FileHandle } from 'node:fs/promises'
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

  /** @param path in the archive, of words between slashes. @param read what it is to hold; undefined, or no piece: there is nothing of the kind */
  async add(path: string, read: () => Promise<string | undefined> | AsyncIterable<string>): Promise<void> {
    const file = join(this.#parent, this.#name, path)
    try {
      const found = read()
      if (Symbol.asyncIterator in found) await this.#append(file, found)
      else await this.#append(file, [(await found) ?? ''])
    } catch (error) {
      this.#signal.throwIfAborted()
      this.missing.push(`${path}: ${messageOf(error)}`)
    }
  }

  async #append(file: string, pieces: Iterable<string> | AsyncIterable<string>): Promise<void> {
    let opened: FileHandle | undefined
    try {
      for await (const piece of pieces) {
        if (piece === '') continue
        if (!opened) await mkdir(dirname(file), { recursive: true })
        opened ??= await open(file, 'wx')
        await opened.write(piece)
      }
    } finally {
      await opened?.close()
    }
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
