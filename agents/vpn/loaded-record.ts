// SPDX-License-Identifier: Apache-2.0
// What a charon was told, for the agent after this one: a tunnel goes on if it was agreed on by what counts now, and by nothing else.
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { readIfThere, writeWhole } from '../../lib/durable-files.ts'

const BYTES = 32

/** Of one charon; it goes with it. It has no text, only what each was turned into by scrypt (RFC 7914), so that nobody can try keys on it. */
export class LoadedRecord {
  readonly #file: string
  #digests: Map<string, string> | undefined

  constructor(file: string) {
    this.#file = file
  }

  /** Whether this very text was put there; what cannot be read was not. */
  async has(uid: string, text: string): Promise<boolean> {
    const [salt = '', digest = ''] = (await this.#read()).get(uid)?.split(':') ?? []
    const held = Buffer.from(digest, 'base64')
    return held.length === BYTES && timingSafeEqual(held, await digestOf(text, Buffer.from(salt, 'base64')))
  }

  async put(uid: string, text: string): Promise<void> {
    const salt = randomBytes(16)
    const digest = await digestOf(text, salt)
    await this.#write((await this.#read()).set(uid, [salt, digest].map((bytes) => bytes.toString('base64')).join(':')))
  }

  /** Before charon is told something else: what stands then is not believed. */
  async forget(uid: string): Promise<void> {
    const digests = await this.#read()
    if (digests.delete(uid)) await this.#write(digests)
  }

  async #read(): Promise<Map<string, string>> {
    return (this.#digests ??= parse((await readIfThere(this.#file)) ?? ''))
  }

  async #write(digests: ReadonlyMap<string, string>): Promise<void> {
    await writeWhole(this.#file, JSON.stringify(Object.fromEntries(digests)))
  }
}

function parse(text: string): Map<string, string> {
  try {
    const held: unknown = JSON.parse(text)
    const entries = typeof held === 'object' && held !== null ? Object.entries(held) : []
    return new Map(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
  } catch {
    return new Map()
  }
}

async function digestOf(text: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    scrypt(text, salt, BYTES, { cost: 4096 }, (error, key) => (error ? reject(error) : resolve(key))),
  )
}
