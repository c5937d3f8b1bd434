// SPDX-License-Identifier: Apache-2.0
import { describe } from '@jest/globals'
import { portDriverContract } from '../contract-suite.ts'
import { MemoryPortDriver } from './memory-port-driver.ts'

describe('the switch in memory keeps the contract', () => {
  portDriverContract(async () => {
    const driver = new MemoryPortDriver()
    return {
      driver,
      install: async ({ uid, controlled }) => driver.say(uid, controlled ? {} : { installed: true }),
      speak: async ({ uid, controlled }, { programmedBy, refused }) => {
        const port = { ...driver.find('port', uid)! }
        delete port.refusal
        const installed = programmedBy === controlled?.controller && refused === undefined
        driver.put({ ...port, installed, ...(refused === undefined ? {} : { refusal: refused }) })
      },
      lose: ({ kind, uid }) => driver.unplug(kind, uid),
      unusable: (port) => {
        driver.refuse(port.uid)
        return port
      },
      [Symbol.asyncDispose]: async () => undefined,
    }
  })
})
