// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { inventoryOf } from '../../testing/inventory.ts'
import { recordInventory } from './status.ts'

const version = 'DPDK 24.11.8'
test.each([
  ['a switch that said nothing', undefined, { dpdk: false }],
  ['one without DPDK', { initialized: false }, { dpdk: false }],
  ['one with DPDK', { initialized: true, version, vhostUser: true }, { dpdk: true, dpdkVersion: version }],
  ['DPDK without vhost', { initialized: true, version, vhostUser: false }, { dpdk: false, dpdkVersion: version }],
])('%s', (_what, dpdk, expected) => {
  const inventory = recordInventory(inventoryOf('n1', dpdk ? { dpdk } : {}))
  expect(inventory).toMatchObject(expected)
  expect(inventory.dpdkVersion).toBe('dpdkVersion' in expected ? version : undefined)
})
