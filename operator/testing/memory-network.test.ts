// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { networkDriverContract } from '../network/contract-suite.ts'
import { MemoryNetwork, MemoryRows } from './memory-network.ts'

describe('the backend in memory keeps the contract', () => {
  networkDriverContract(async () => {
    const rows = new MemoryRows()
    const drivers: MemoryNetwork[] = []
    return {
      async open() {
        const driver = new MemoryNetwork(rows)
        drivers.push(driver)
        return driver
      },
      versions: async () => rows.writes,
      lose: async (kind, uid) => {
        for (const driver of drivers) driver.lose(kind, uid)
      },
      [Symbol.asyncDispose]: async () => undefined,
    }
  })
})

test('it fails when told to, once', async () => {
  const driver = new MemoryNetwork()
  await driver.claimTerm(1, 1)
  driver.failNext(new Error('away'))
  await expect(driver.remove('Port', 'p')).rejects.toThrow('away')
  await driver.remove('Port', 'p')
})
