// SPDX-License-Identifier: Apache-2.0
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { ProbeAnswer } from '../../../lib/contract/probe.ts'
import { readIfThere, syncFolder, unlessMissing, writeWhole } from '../../../lib/durable-files.ts'

const Record = z.object({ sentAt: z.iso.datetime(), answer: ProbeAnswer.optional() })
/** Without an answer: it was sent, or was about to be. */
export type ProbeRecord = z.infer<typeof Record>

const SUFFIX = '.json'

/** Which probes were sent, as files: none is sent again after a restart. */
export class ProbeRecords {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** One that cannot be read counts as sent. */
  async find(uid: string): Promise<ProbeRecord | undefined> {
    const text = await readIfThere(this.#fileOf(uid))
    if (text === undefined) return undefined
    try {
      return Record.parse(JSON.parse(text))
    } catch {
      return { sentAt: new Date(0).toISOString() }
    }
  }

  /** Durable when it resolves. */
  async write(uid: string, record: ProbeRecord): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    await writeWhole(this.#fileOf(uid), JSON.stringify(record))
    await syncFolder(this.#folder)
  }

  async remove(uid: string): Promise<void> {
    await rm(this.#fileOf(uid), { force: true })
  }

  async list(): Promise<string[]> {
    const names = await unlessMissing(() => readdir(this.#folder), [])
    return names.flatMap((name) => (name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : []))
  }

  #fileOf(uid: string): string {
    return join(this.#folder, `${uid}${SUFFIX}`)
  }
}
