// SPDX-License-Identifier: Apache-2.0
// What every VolumeDriver must do. Called inside `describe` by the tests of each driver, including the fake.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { VolumeDriver } from '../volume-driver.ts'

export interface DriverUnderTest extends AsyncDisposable {
  driver: VolumeDriver
  /** Deletes the data behind the driver's back, as somebody else might. */
  loseData(id: string): Promise<void>
}

const GIB = 2 ** 30
const KEY = '0123456789abcdef0123456789abcdef01234567'
const HOLDERS = ['node-a', 'node-b'].map((node) => ({ node, key: KEY }))

export function volumeDriverContract(create: () => Promise<DriverUnderTest>): void {
  let subject: DriverUnderTest
  let driver: VolumeDriver
  const signal = () => AbortSignal.timeout(30_000)
  beforeEach(async () => {
    subject = await create()
    driver = subject.driver
  })
  afterEach(async () => {
    await subject[Symbol.asyncDispose]()
  })

  test('what was never made is not found, and gone', async () => {
    expect(await driver.find('v1', signal())).toBeUndefined()
    expect(await driver.list(signal())).toEqual([])
    await driver.unexport('v1', signal())
    await driver.remove('v1', signal())
  })

  test.each(['raw', 'qcow2'] as const)('makes, finds, lists and removes %s, each twice', async (format) => {
    const volume = { id: 'v1', sizeBytes: GIB, format }
    for (let i = 0; i < 2; i++) expect(await driver.ensure({ id: 'v1', sizeGiB: 1, format }, signal())).toEqual(volume)
    expect(await driver.find('v1', signal())).toEqual(expect.objectContaining(volume))
    expect(await driver.list(signal())).toEqual([expect.objectContaining(volume)])
    for (let i = 0; i < 2; i++) await driver.remove('v1', signal())
    expect(await driver.find('v1', signal())).toBeUndefined()
    expect(await driver.ensure({ id: 'v1', sizeGiB: 2, format }, signal())).toMatchObject({ sizeBytes: 2 * GIB })
  })

  test.each(['raw', 'qcow2'] as const)('grows %s, exported or not, and never shrinks', async (format) => {
    await driver.ensure({ id: 'v1', sizeGiB: 1, format }, signal())
    for (let i = 0; i < 2; i++)
      expect(await driver.grow('v1', 2, signal())).toEqual({ id: 'v1', sizeBytes: 2 * GIB, format })
    await driver.export('v1', HOLDERS, signal())
    expect(await driver.grow('v1', 3, signal())).toMatchObject({ sizeBytes: 3 * GIB })
    await expect(driver.grow('v1', 1, signal())).rejects.toMatchObject({ reason: 'VolumeCannotShrink' })
    expect(await driver.find('v1', signal())).toMatchObject({ sizeBytes: 3 * GIB })
    // An existing volume keeps its size.
    expect(await driver.ensure({ id: 'v1', sizeGiB: 1, format }, signal())).toMatchObject({ sizeBytes: 3 * GIB })
  })

  test('keeps its format', async () => {
    await driver.ensure({ id: 'v1', sizeGiB: 1, format: 'raw' }, signal())
    await expect(driver.ensure({ id: 'v1', sizeGiB: 1, format: 'qcow2' }, signal())).rejects.toMatchObject({
      reason: 'VolumeFormatMismatch',
    })
  })

  test('exports under the same connection each time; is removed only after that ended', async () => {
    await driver.ensure({ id: 'v1', sizeGiB: 1, format: 'raw' }, signal())
    const first = await driver.export('v1', HOLDERS, signal())
    expect(await driver.export('v1', HOLDERS.slice(0, 1), signal())).toEqual(first)
    await expect(driver.remove('v1', signal())).rejects.toMatchObject({ reason: 'VolumeInUse' })
    for (let i = 0; i < 2; i++) await driver.unexport('v1', signal())
    expect(await driver.export('v1', HOLDERS, signal())).toEqual(first)
    await driver.unexport('v1', signal())
    await driver.remove('v1', signal())
  })

  test('lost data are an error, never an empty volume', async () => {
    await driver.ensure({ id: 'v1', sizeGiB: 1, format: 'raw' }, signal())
    await subject.loseData('v1')
    await expect(driver.ensure({ id: 'v1', sizeGiB: 1, format: 'raw' }, signal())).rejects.toMatchObject({
      reason: 'VolumeDataMissing',
    })
    await expect(driver.export('v1', HOLDERS, signal())).rejects.toMatchObject({ reason: 'VolumeDataMissing' })
    await driver.remove('v1', signal())
    await driver.ensure({ id: 'v1', sizeGiB: 1, format: 'raw' }, signal())
  })

  test('knows its room', async () => {
    const { totalBytes, freeBytes } = await driver.stats(signal())
    expect(totalBytes).toBeGreaterThan(0)
    expect(freeBytes).toBeLessThanOrEqual(totalBytes)
  })
}
