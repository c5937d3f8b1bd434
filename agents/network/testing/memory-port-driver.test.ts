// SPDX-License-Identifier: Apache-2.0
import { describe } from '@jest/globals'
import { portDriverContract } from '../contract-suite.ts'
import { MemoryPortDriver } from './memory-port-driver.ts'

describe('the switch in memory keeps the contract', () => {
  portDriverContract(async () => {
    const driver = new MemoryPortDriver()
    return {
      driver,
      install: async ({ uid }) => driver.say(uid, { installed: true }),
      lose: ({ kind, uid }) => driver.unplug(kind, uid),
      unusable: (port) => {
        driver.refuse(port.uid)
        return port
      },
      [Symbol.asyncDispose]: async () => undefined,
    }
  })
})
