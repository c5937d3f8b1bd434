// SPDX-License-Identifier: Apache-2.0
// What this node must remember about a volume besides its data: that it was made, where, and the port by which others know it.
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { readIfThere, writeWhole } from '../../../lib/durable-files.ts'

const VolumeRecord = z.looseObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  poolPath: z.string(),
  created: z.boolean(),
  /** TCP port of the export: kept for the volume's life, so that clients find a restarted daemon. */
  port: z.int().min(1).max(65535).optional(),
  /** It has been served since version 0.1.0, possibly to a machine that knows only the node's identity (docs/decisions/0016). */
  former: z.boolean().optional(),
})
export type VolumeRecord = z.infer<typeof VolumeRecord>

/** One file per volume in a folder on the agent's own disk, outside the pools: so a pool that is not mounted is noticed. */
export class VolumeRecords {
  readonly #dir: string
  #records: Promise<Map<string, VolumeRecord>> | undefined

  constructor(dir: string) {
    this.#dir = dir
  }

  async find(id: string): Promise<VolumeRecord | undefined> {
    return (await this.#load()).get(id)
  }

  async list(): Promise<VolumeRecord[]> {
    return [...(await this.#load()).values()]
  }

  async knowsPool(poolPath: string): Promise<boolean> {
    return (await this.list()).some((r) => r.poolPath === poolPath && r.created)
  }

  /** Merges into the stored record; writes only when something changed. */
  async save(record: VolumeRecord): Promise<VolumeRecord> {
    const records = await this.#load()
    const old = records.get(record.id)
    const next = { ...old, ...record }
    if (JSON.stringify(next) === JSON.stringify(old)) return next
    await writeWhole(this.#path(record.id), JSON.stringify(VolumeRecord.parse(next)))
    records.set(record.id, next)
    return next
  }

  async remove(id: string): Promise<void> {
    await rm(this.#path(id), { force: true })
    ;(await this.#load()).delete(id)
  }

  #path(id: string): string {
    return join(this.#dir, `${id}.json`)
  }

  #load(): Promise<Map<string, VolumeRecord>> {
    this.#records ??= this.#read().catch((error: unknown) => {
      this.#records = undefined
      throw error
    })
    return this.#records
  }

  async #read(): Promise<Map<string, VolumeRecord>> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
    const records = new Map<string, VolumeRecord>()
    for (const name of await readdir(this.#dir)) {
      if (!name.endsWith('.json')) {
        await rm(join(this.#dir, name), { force: true }) // left by a crash during a write
        continue
      }
      const text = await readIfThere(join(this.#dir, name))
      if (text === undefined) continue
      const record = VolumeRecord.parse(JSON.parse(text))
      records.set(record.id, record)
    }
    return records
  }
}
