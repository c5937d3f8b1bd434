// SPDX-License-Identifier: Apache-2.0
// SR-IOV as the kernel shows it: Documentation/ABI/testing/sysfs-bus-pci (sriov_totalvfs, sriov_numvfs, virtfnN, physfn, numa_node, iommu_group).
import { readdir, readFile, readlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { codeOf } from '../../../lib/durable-files.ts'
import { interfaceName, pciAddress } from '../../../lib/contract/fields.ts'

/** A virtual function of a network card. */
export interface VirtualFunction {
  /** Of PCI, such as 0000:03:10.2. */
  address: string
  vendorID: string
  productID: string
  /** Absent: not known. */
  numaCell?: number
  /** The kernel can keep it to its guest's memory. */
  hasIommu: boolean
  /** The driver that has it; absent: none. */
  driver?: string
  /** Its interface in the node's own network; absent while a guest has it. */
  interface?: string
  /** What the node has made of that interface, such as a macvtap device. */
  uppers: readonly string[]
}

/** What the card of an interface offers. `trouble`: why there is nothing, and what helps. */
export interface CardFunctions {
  functions: VirtualFunction[]
  trouble?: string
}

/** Drivers by which a function is given to guests: it has no interface then. */
const PASSTHROUGH = 'vfio-pci'
const isDeviceName = (name: string): boolean => interfaceName.safeParse(name).success
/** As many as the inventory counts; a card has 256 at most. */
const MOST_FUNCTIONS = 1024

export function hasGuestDriver({ driver }: VirtualFunction): boolean {
  return driver === PASSTHROUGH
}

/** @param physicalFunction its interface; @param root of the file system, another in tests */
export async function readCard(physicalFunction: string, root = '/'): Promise<CardFunctions> {
  if (!isDeviceName(physicalFunction)) throw new TypeError('not a device name')
  const none = (trouble: string): CardFunctions => ({ functions: [], trouble })
  const at = join(root, 'sys/class/net', physicalFunction)
  const what = `interface ${physicalFunction}`
  if ((await list(at)).length === 0) return none(`the node has no ${what}: write another in physicalFunctions`)
  const device = join(at, 'device')
  const entries = await list(device)
  if (entries.includes('physfn')) return none(`${what} is a virtual function itself: write its physical function`)
  const most = Number((await read(join(device, 'sriov_totalvfs'))) || 0)
  if (most === 0) return none(`${what} is no card with SR-IOV: write another in physicalFunctions`)
  const numbers = entries.flatMap((entry) => /^virtfn(\d+)$/.exec(entry)?.[1] ?? []).map(Number)
  if (numbers.length === 0) {
    return none(
      `${what} has no virtual functions: on the node, write how many (${most} at most) to /sys/class/net/${physicalFunction}/device/sriov_numvfs`,
    )
  }
  const links = numbers
    .sort((a, b) => a - b)
    .slice(0, MOST_FUNCTIONS)
    .map(async (number) => readFunction(basename(await link(join(device, `virtfn${number}`))), root))
  return { functions: (await Promise.all(links)).filter((one) => one !== undefined) }
}

/** Undefined when there is no such device, or it is no virtual function. */
export async function readFunction(address: string, root = '/'): Promise<VirtualFunction | undefined> {
  if (!pciAddress.safeParse(address).success) return undefined
  const device = join(root, 'sys/bus/pci/devices', address)
  const entries = await list(device)
  if (!entries.includes('physfn')) return undefined
  const [interfaces, vendor, product, cell, driver] = await Promise.all([
    list(join(device, 'net')),
    read(join(device, 'vendor')),
    read(join(device, 'device')),
    read(join(device, 'numa_node')),
    link(join(device, 'driver')),
  ])
  const name = interfaces.filter(isDeviceName).sort()[0]
  const numaCell = Number(cell || -1)
  return {
    ...{ address, vendorID: toID(vendor), productID: toID(product), hasIommu: entries.includes('iommu_group') },
    ...(Number.isInteger(numaCell) && numaCell >= 0 ? { numaCell } : {}),
    ...(driver === '' ? {} : { driver: basename(driver) }),
    ...(name === undefined ? {} : { interface: name }),
    uppers: name === undefined ? [] : await readUppers(join(device, 'net', name)),
  }
}

/** Bridges and bonds that it is part of, too. */
async function readUppers(device: string): Promise<string[]> {
  const entries = await list(device)
  return entries.flatMap((entry) => /^upper_(.+)$/.exec(entry)?.[1] ?? []).sort()
}

/** `0x8086` as `8086`. */
function toID(text: string): string {
  return /^0x([0-9a-f]{4})$/.exec(text)?.[1] ?? '0000'
}

/** Devices come and go between two looks: what is missing is empty. */
const list = (path: string): Promise<string[]> => readdir(path).catch(whenGone<string[]>([]))
const link = (path: string): Promise<string> => readlink(path).catch(whenGone(''))
const read = async (path: string): Promise<string> => (await readFile(path, 'utf8').catch(whenGone(''))).trim()

function whenGone<T>(empty: T): (error: unknown) => T {
  return (error) => {
    if (['ENOENT', 'ENODEV', 'ENOTDIR', 'EINVAL'].includes(codeOf(error) ?? '')) return empty
    throw error
  }
}
