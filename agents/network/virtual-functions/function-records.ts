// SPDX-License-Identifier: Apache-2.0
// Which port has which virtual function, on disk: a file for each port.
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { dnsLabel, interfaceName, pciAddress } from '../../../lib/contract/fields.ts'
import { readIfThere, syncFolder, unlessMissing, writeWhole } from '../../../lib/durable-files.ts'
import { checkedUid } from '../../compute/paths.ts'
import type { FunctionRecord } from './function-choice.ts'

const Record = z.object({ address: pciAddress, physicalNetwork: dnsLabel, interface: interfaceName.optional() })
const FILE = /^([a-z0-9][a-z0-9-]{0,62})\.json$/

export class FunctionRecords {
  readonly #folder: string
  #records: Map<string, FunctionRecord> | undefined
  #unreadable = new Map<string, string>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** By UID of the port. Some port has a function of which this does not tell, while there are unreadable ones. */
  async read(): Promise<ReadonlyMap<string, FunctionRecord>> {
    return this.#read()
  }

  /** Files that cannot be parsed, by UID of the port: which functions these have is not known. Looked at again until there are none. */
  async unreadable(): Promise<ReadonlyMap<string, string>> {
    await this.#read()
    return this.#unreadable
  }

  /** Durable when it resolves. */
  async write(portUid: string, record: FunctionRecord): Promise<void> {
    const records = await this.#read()
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    await writeWhole(this.#fileOf(portUid), JSON.stringify(record))
    await syncFolder(this.#folder)
    records.set(portUid, record)
  }

  /** Absent is success. */
  async remove(portUid: string): Promise<void> {
    const records = await this.#read()
    if (!records.has(portUid) && !this.#unreadable.has(portUid)) return
    await rm(this.#fileOf(portUid), { force: true })
    records.delete(portUid)
    this.#unreadable.delete(portUid)
  }

  async #read(): Promise<Map<string, FunctionRecord>> {
    if (this.#records) return this.#records
    const records = new Map<string, FunctionRecord>()
    const unreadable = new Map<string, string>()
    for (const name of await unlessMissing(() => readdir(this.#folder), [])) {
      const portUid = FILE.exec(name)?.[1]
      const text = portUid === undefined ? undefined : await readIfThere(join(this.#folder, name))
      const record = text === undefined ? undefined : parse(text)
      if (portUid === undefined || text === undefined) continue
      if (record) records.set(portUid, record)
      else unreadable.set(portUid, join(this.#folder, name))
    }
    // Another has read them meanwhile, and perhaps written since.
    if (this.#records) return this.#records
    this.#unreadable = unreadable
    this.#records = unreadable.size === 0 ? records : undefined
    return records
  }

  #fileOf(portUid: string): string {
    return join(this.#folder, `${checkedUid(portUid)}.json`)
  }
}

function parse(text: string): FunctionRecord | undefined {
  try {
    return Record.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
