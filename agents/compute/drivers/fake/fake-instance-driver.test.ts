// SPDX-License-Identifier: Apache-2.0
import { describe } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { instanceDriverContract } from '../contract-suite.ts'
import { instanceWant } from '../testing.ts'
import { FakeInstanceDriver } from './fake-instance-driver.ts'

const driver = new FakeInstanceDriver()
describe('the fake keeps the contract', () => {
  instanceDriverContract(() => ({
    driver,
    want: instanceWant,
    volume: async () => ({ uid: randomUUID(), connection: { protocol: 'file', path: '/nowhere', format: 'raw' } }),
  }))
})
