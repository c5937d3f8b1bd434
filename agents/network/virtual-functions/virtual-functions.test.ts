// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '../../../lib/log.ts'
import { FakeSysfs, someFunctions } from './testing/fake-sysfs.ts'
import { VirtualFunctions } from './virtual-functions.ts'

const NETWORKS = [{ name: 'dc', interface: 'ens1f0', physicalFunctions: ['ens1f0'] }]
let root: string, sysfs: FakeSysfs, folder: string, functions: VirtualFunctions
const agent = (networks: typeof NETWORKS | undefined = NETWORKS) => {
  const made = new VirtualFunctions({ folder, root, log: createLogger('test', 'silent') })
  made.want(networks)
  return made
}
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nephele-functions-'))
  sysfs = new FakeSysfs(root)
  folder = join(root, 'records')
  sysfs.card('ens1f0', '0000:03:00.0', someFunctions(3))
  functions = agent()
})
afterEach(() => rmSync(root, { recursive: true, force: true }))
const addressOf = async (port: string, of = functions) => (await of.ensure(port, 'direct', 'dc')).address

describe('a port', () => {
  test('has one that no other has, also when all ask at once', async () => {
    const all = await Promise.all(['p1', 'p2', 'p3'].map((port) => addressOf(port)))
    expect(new Set(all).size).toBe(3)
    await expect(addressOf('p4')).rejects.toMatchObject({
      reason: 'NoVirtualFunction',
      message: expect.stringContaining('of physical network dc is left on the node for vnicType direct: all are taken'),
    })
  })
  test('keeps it, across restarts of the agent and whoever else comes and goes', async () => {
    const had = [await addressOf('p1'), await addressOf('p2')]
    await functions.release('p1')
    const again = agent()
    expect(await addressOf('p2', again)).toBe(had[1])
    // Somebody else has the free one: it is not that of p2.
    expect(await addressOf('p3', again)).toBe(had[0])
    expect([...(await again.list()).keys()].sort()).toEqual(['p2', 'p3'])
  })
  test('keeps it while its guest has it, also before the node’s document is here', async () => {
    const had = await addressOf('p1')
    sysfs.put({ address: had, driver: 'vfio-pci' })
    expect(await addressOf('p1', agent())).toBe(had)
    const untold = agent()
    untold.want(undefined)
    expect(await addressOf('p1', untold)).toBe(had)
  })
  const another = [
    { name: 'dc', interface: 'ens2', physicalFunctions: ['ens2'] },
    { name: 'dmz', interface: 'ens1f0', physicalFunctions: ['ens1f0'] },
  ]
  test.each<[string, typeof NETWORKS]>([
    ['no longer written in the ProviderNetwork', []],
    ['another physical network’s', another],
  ])('whose card is %s says so while a guest has its function, which is another’s only after that', async (_, now) => {
    const had = await addressOf('p1')
    sysfs.card('ens2', '0000:04:00.0', [{ address: '0000:04:10.0', interface: 'ens2v0' }])
    sysfs.put({ address: had, driver: 'vfio-pci' })
    const moved = agent(now)
    await expect(addressOf('p1', moved)).rejects.toMatchObject({
      reason: 'NoVirtualFunction',
      message: expect.stringMatching(
        /0000:03:10.0 is of no card that .* for physical network dc: .*make the Port anew/,
      ),
    })
    sysfs.put({ address: had, interface: 'ens1f0v0' })
    if (now.length > 0) expect(await addressOf('p1', moved)).toBe('0000:04:10.0')
    else await expect(addressOf('p1', moved)).rejects.toThrow(/names no card of this node/)
  })
  test('gets another when the node has come to use its own, and none while a guest has that, too', async () => {
    const had = await addressOf('p1')
    sysfs.put({ address: had, interface: 'ens1f0v0', uppers: ['bond0'] })
    const now = await addressOf('p1')
    expect(now).not.toBe(had)
    sysfs.put({ address: now, interface: 'ens1f0v1', uppers: ['macvtap0', 'vlan7'] })
    await expect(functions.ensure('p1', 'macvtap', 'dc')).rejects.toThrow(
      /in use by the node itself \(macvtap0, vlan7\)/,
    )
    sysfs.put({ address: now, driver: 'iavf' })
    await expect(addressOf('p1')).rejects.toThrow(/in use by another/)
  })
  test('gets another when its own is no longer in the node', async () => {
    const had = await addressOf('p1')
    sysfs.remove(had)
    const now = await addressOf('p1')
    expect(now).not.toBe(had)
    expect(await addressOf('p1', agent())).toBe(now)
  })
  test('that is gone leaves nothing, twice', async () => {
    await addressOf('p1')
    for (let i = 0; i < 2; i++) await functions.release('p1')
    expect(readdirSync(folder)).toEqual([])
    expect([...(await agent().list())]).toEqual([])
  })
  test.each(['{"address":"../x"}', '{', ''])(
    'whose record is %j frees nothing: none is given until that is mended',
    async (text) => {
      const had = await addressOf('p1')
      const taken = await addressOf('p2')
      for (const name of ['p2.json', 'p3.json.x.new']) writeFileSync(join(folder, name), text)
      const again = agent()
      const says = { reason: 'NoVirtualFunction', message: expect.stringContaining(join(folder, 'p2.json')) }
      for (const port of ['p2', 'p3']) await expect(addressOf(port, again)).rejects.toMatchObject(says)
      expect(await addressOf('p1', again)).toBe(had)
      expect((await again.inventory())?.troubles).toEqual(new Map([['dc', says.message]]))
      expect([...(await again.list()).keys()]).toEqual(['p1', 'p2'])
      await again.release('p2')
      expect(await addressOf('p3', again)).toBe(taken)
      expect((await again.inventory())?.troubles).toEqual(new Map())
    },
  )
})

describe('there is none', () => {
  test.each<[string, typeof NETWORKS | undefined, RegExp]>([
    ['of a network that the node does not have', [], /names no card of this node/],
    ['where no card is written', [{ ...NETWORKS[0]!, physicalFunctions: [] }], /names no card of this node/],
    ['where the card is wrong', [{ ...NETWORKS[0]!, physicalFunctions: ['eth9'] }], /the node has no interface eth9/],
  ])('%s', async (_, networks, says) => {
    await expect(agent(networks).ensure('p', 'direct', 'dc')).rejects.toThrow(says)
  })
  test('without an IOMMU for guests, but for macvtap', async () => {
    for (const one of someFunctions(3, { iommu: false })) sysfs.put(one)
    await expect(functions.ensure('p', 'direct', 'dc')).rejects.toThrow(/no IOMMU/)
    expect(await functions.ensure('p', 'macvtap', 'dc')).toMatchObject({ interface: 'ens1f0v0' })
  })
})

test('the inventory has them all, those in use included, and what is wrong with cards', async () => {
  const intel = { vendorID: '8086', productID: '154c' }
  const whole = [{ physicalNetwork: 'dc', numaCell: 0, ...intel, count: 3, direct: 3, macvtap: 3 }]
  expect(await functions.inventory()).toEqual({ devices: whole, troubles: new Map() })
  sysfs.put({ address: await addressOf('p1'), driver: 'vfio-pci' })
  expect((await functions.inventory())?.devices).toEqual(whole)
  const broken = agent([{ ...NETWORKS[0]!, physicalFunctions: ['eth9', 'ens1f0'] }])
  expect(await broken.inventory()).toEqual({
    devices: whole,
    troubles: new Map([['dc', expect.stringContaining('no interface eth9')]]),
  })
  functions.want(undefined)
  expect(await functions.inventory()).toBeUndefined()
})
