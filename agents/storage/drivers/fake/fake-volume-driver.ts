// SPDX-License-Identifier: Apache-2.0
import { TerminalError, TransientError } from '../../../../lib/errors.ts'
import type { BackendVolume, Holder, PoolStats, VolumeDriver, VolumeRequest } from '../../volume-driver.ts'

const GIB = 2 ** 30

/** In memory, for tests and scale runs; keeps the contract and can be made to fail. */
export class FakeVolumeDriver implements VolumeDriver {
  readonly name = 'fake'
  readonly #volumes = new Map<string, BackendVolume>()
  readonly #exports = new Map<string, readonly string[]>()
  readonly #known = new Set<string>()
  #failures: { method: string; error: Error }[] = []

  failNext(method: keyof VolumeDriver, error: Error): void {
    this.#failures.push({ method, error })
  }

  /** Deletes the data, as somebody else might. */
  loseData(id: string): void {
    this.#volumes.delete(id)
  }

  exportedTo(id: string): readonly string[] {
    return this.#exports.get(id) ?? []
  }

  async find(id: string) {
    this.#mayFail('find')
    return this.#volumes.get(id)
  }

  async list() {
    this.#mayFail('list')
    return [...this.#volumes.values()]
  }

  async ensure({ id, sizeGiB, format }: VolumeRequest) {
    this.#mayFail('ensure')
    const have = this.#volumes.get(id)
    if (!have && this.#known.has(id)) throw new TransientError('VolumeDataMissing', 'the data are gone')
    if (have && have.format !== format) throw new TerminalError('VolumeFormatMismatch', 'a volume keeps its format')
    const volume: BackendVolume = have ?? { id, sizeBytes: sizeGiB * GIB, format }
    this.#volumes.set(id, volume)
    this.#known.add(id)
    return volume
  }

  async grow(id: string, sizeGiB: number) {
    this.#mayFail('grow')
    const have = this.#volumes.get(id)
    if (!have) throw new TransientError('VolumeDataMissing', 'there is no such volume')
    if (have.sizeBytes > sizeGiB * GIB) throw new TerminalError('VolumeCannotShrink', 'a volume only grows')
    const volume: BackendVolume = { ...have, sizeBytes: sizeGiB * GIB }
    this.#volumes.set(id, volume)
    return volume
  }

  async remove(id: string) {
    this.#mayFail('remove')
    if (this.#exports.has(id)) throw new TransientError('VolumeInUse', 'the volume is exported')
    this.#volumes.delete(id)
    this.#known.delete(id)
  }

  async export(id: string, holders: readonly Holder[]) {
    this.#mayFail('export')
    if (!this.#volumes.has(id)) throw new TransientError('VolumeDataMissing', 'there is no such volume')
    if (holders.some(({ key }) => key === undefined)) throw new TransientError('HolderKeyMissing', 'it has no key')
    this.#exports.set(
      id,
      holders.map(({ node }) => node),
    )
    return { protocol: 'file' as const, path: `/nowhere/${id}`, format: 'raw' as const }
  }

  async unexport(id: string) {
    this.#mayFail('unexport')
    this.#exports.delete(id)
  }

  async stats(): Promise<PoolStats> {
    this.#mayFail('stats')
    const used = [...this.#volumes.values()].reduce((sum, v) => sum + v.sizeBytes, 0)
    return { totalBytes: 1024 * GIB, freeBytes: 1024 * GIB - used }
  }

  #mayFail(method: keyof VolumeDriver): void {
    const at = this.#failures.findIndex((f) => f.method === method)
    if (at < 0) return
    const [failure] = this.#failures.splice(at, 1)
    if (failure) throw failure.error
  }
}
