// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hasGuestDriver, readCard, readFunction } from './pci-functions.ts'
import { FakeSysfs, someFunctions } from './testing/fake-sysfs.ts'

let sysfs: FakeSysfs
beforeEach(() => {
  sysfs = new FakeSysfs(mkdtempSync(join(tmpdir(), 'nephele-sysfs-')))
})
afterEach(() => rmSync(sysfs.root, { recursive: true, force: true }))

test('the functions of a card, in the order of their numbers, with what each is and who has it', async () => {
  sysfs.card('ens1f0', '0000:03:00.0', [
    { address: '0000:03:10.2', interface: 'ens1f0v0', numaNode: 1 },
    { address: '0000:03:10.0', driver: 'vfio-pci', numaNode: -1, vendor: '0x15b3', product: '0x1016', iommu: false },
    { address: '0000:03:10.1', interface: 'ens1f0v2', uppers: ['macvtap1', 'macvtap0'] },
    { address: '0000:03:11.0' },
  ])
  const { functions, trouble } = await readCard('ens1f0', sysfs.root)
  expect(trouble).toBeUndefined()
  const intel = { vendorID: '8086', productID: '154c', hasIommu: true, uppers: [] }
  expect(functions).toEqual([
    { ...intel, address: '0000:03:10.2', numaCell: 1, driver: 'iavf', interface: 'ens1f0v0' },
    {
      ...{ address: '0000:03:10.0', vendorID: '15b3', productID: '1016', hasIommu: false, uppers: [] },
      driver: 'vfio-pci',
    },
    {
      ...{ ...intel, address: '0000:03:10.1', numaCell: 0, driver: 'iavf', interface: 'ens1f0v2' },
      uppers: ['macvtap0', 'macvtap1'],
    },
    { ...intel, address: '0000:03:11.0', numaCell: 0 },
  ])
  expect(functions.map(hasGuestDriver)).toEqual([false, true, false, false])
})

describe('an interface that has none says why, and what helps', () => {
  test.each<[string, string, RegExp]>([
    ['is not there', 'eth9', /the node has no interface eth9/],
    ['is no card', 'br0', /interface br0 is no card with SR-IOV/],
    ['is a card without SR-IOV', 'plain', /interface plain is no card with SR-IOV/],
    [
      'has made none',
      'ens2',
      /ens2 has no virtual functions: .* \(8 at most\) to \/sys\/class\/net\/ens2\/device\/sriov_numvfs/,
    ],
    ['is a function itself', 'ens1f0v0', /is a virtual function itself/],
  ])('%s', async (_, name, says) => {
    sysfs.virtual('br0')
    sysfs.card('plain', '0000:05:00.0', [], 0)
    sysfs.card('ens2', '0000:04:00.0', [], 8)
    sysfs.card('ens1f0', '0000:03:00.0', someFunctions(1))
    const { symlinkSync } = await import('node:fs')
    symlinkSync('../../bus/pci/devices/0000:03:10.0/net/ens1f0v0', join(sysfs.root, 'sys/class/net/ens1f0v0'))
    symlinkSync('../..', join(sysfs.root, 'sys/bus/pci/devices/0000:03:10.0/net/ens1f0v0/device'))
    const { functions, trouble } = await readCard(name, sysfs.root)
    expect(functions).toEqual([])
    expect(trouble).toMatch(says)
  })
  test('and a name that leads elsewhere is not looked at', async () => {
    await expect(readCard('../../..', sysfs.root)).rejects.toThrow('not a device name')
    for (const address of ['', '..', '0000:03:10.8', '0000:03:10.0/..'])
      expect(await readFunction(address, sysfs.root)).toBeUndefined()
  })
})

test('one function by its address; what is none, or gone, is not found', async () => {
  sysfs.card('ens1f0', '0000:03:00.0', someFunctions(1))
  expect(await readFunction('0000:03:10.0', sysfs.root)).toMatchObject({ interface: 'ens1f0v0' })
  expect(await readFunction('0000:03:00.0', sysfs.root)).toBeUndefined()
  sysfs.remove('0000:03:10.0')
  expect(await readFunction('0000:03:10.0', sysfs.root)).toBeUndefined()
})
