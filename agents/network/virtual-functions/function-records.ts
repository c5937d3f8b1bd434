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

  constructor(folder: string) {
    this.#folder = folder
  }

  /** By UID of the port. A file that cannot be parsed counts as absent: the hypervisor gives no function to two machines. */
  async read(): Promise<ReadonlyMap<string, FunctionRecord>> {
    return this.#read()
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
    if (!records.has(portUid)) return
    await rm(this.#fileOf(portUid), { force: true })
    records.delete(portUid)
  }

  async #read(): Promise<Map<string, FunctionRecord>> {
    if (this.#records) return this.#records
    const records = new Map<string, FunctionRecord>()
    for (const name of await unlessMissing(() => readdir(this.#folder), [])) {
      const portUid = FILE.exec(name)?.[1]
      const text = portUid === undefined ? undefined : await readIfThere(join(this.#folder, name))
      const record = text === undefined ? undefined : parse(text)
      if (portUid !== undefined && record) records.set(portUid, record)
    }
    this.#records = records
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
