// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { volumeDriverContract } from '../contract-suite.ts'
import { FakeVolumeDriver } from './fake-volume-driver.ts'

describe('the fake keeps the contract', () => {
  volumeDriverContract(async () => {
    const driver = new FakeVolumeDriver()
    return { driver, loseData: async (id) => driver.loseData(id), [Symbol.asyncDispose]: async () => undefined }
  })
})

test('it fails when told to, once', async () => {
  const driver = new FakeVolumeDriver()
  driver.failNext('ensure', new Error('disk on fire'))
  const want = { id: 'v1', sizeGiB: 1, format: 'raw' as const }
  await expect(driver.ensure(want)).rejects.toThrow('disk on fire')
  await driver.ensure(want)
})
