// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto'
import { describeInstanceDriver } from '../contract.ts'
import { instanceWant } from '../testing.ts'
import { FakeInstanceDriver } from './fake-instance-driver.ts'

const driver = new FakeInstanceDriver()
describeInstanceDriver('fake', () => ({
  driver,
  want: instanceWant,
  volume: async () => ({ uid: randomUUID(), connection: { protocol: 'file', path: '/nowhere', format: 'raw' } }),
}))
