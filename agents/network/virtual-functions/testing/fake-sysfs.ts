// SPDX-License-Identifier: Apache-2.0
// A tree as the kernel's /sys has it for cards with SR-IOV: real folders and links, below a folder of the test.
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface FakeFunction {
  address: string
  /** Absent: no driver of the node has it. */
  interface?: string
  driver?: string
  numaNode?: number
  vendor?: string
  product?: string
  iommu?: boolean
  uppers?: string[]
}

export class FakeSysfs {
  readonly root: string

  constructor(root: string) {
    this.root = root
    for (const folder of ['class/net', 'bus/pci/devices', 'bus/pci/drivers', 'kernel/iommu_groups/7'])
      mkdirSync(join(root, 'sys', folder), { recursive: true })
  }

  /** A card's interface with its functions. */
  card(name: string, address: string, functions: readonly FakeFunction[], totalVFs = 64): void {
    const device = this.#device(address)
    mkdirSync(join(device, 'net', name), { recursive: true })
    symlinkSync(join('../../bus/pci/devices', address, 'net', name), join(this.root, 'sys/class/net', name))
    symlinkSync('../..', join(device, 'net', name, 'device'))
    this.#write(device, {
      sriov_totalvfs: totalVFs,
      sriov_numvfs: functions.length,
      vendor: '0x8086',
      device: '0x1572',
    })
    for (const [number, one] of functions.entries()) {
      this.put(one, address)
      symlinkSync(`../${one.address}`, join(device, `virtfn${number}`))
    }
  }

  /** The function as it is now. */
  put(one: FakeFunction, card = '0000:03:00.0'): void {
    const { driver = one.interface === undefined ? undefined : 'iavf', iommu = true, uppers = [] } = one
    this.remove(one.address)
    const device = this.#device(one.address)
    symlinkSync(`../${card}`, join(device, 'physfn'))
    const { vendor = '0x8086', product = '0x154c', numaNode = 0 } = one
    this.#write(device, { vendor, device: product, numa_node: numaNode })
    if (driver !== undefined) symlinkSync(`../../drivers/${driver}`, join(device, 'driver'))
    if (iommu) symlinkSync('../../../../kernel/iommu_groups/7', join(device, 'iommu_group'))
    if (one.interface === undefined) return
    mkdirSync(join(device, 'net', one.interface), { recursive: true })
    for (const upper of uppers) symlinkSync(`../${upper}`, join(device, 'net', one.interface, `upper_${upper}`))
  }

  remove(address: string): void {
    rmSync(join(this.root, 'sys/bus/pci/devices', address), { recursive: true, force: true })
  }

  /** An interface of no card, such as a bridge. */
  virtual(name: string): void {
    mkdirSync(join(this.root, 'sys/class/net', name, 'statistics'), { recursive: true })
  }

  #device(address: string): string {
    const path = join(this.root, 'sys/bus/pci/devices', address)
    mkdirSync(path, { recursive: true })
    return path
  }

  #write(folder: string, files: Record<string, string | number>): void {
    for (const [name, value] of Object.entries(files)) writeFileSync(join(folder, name), `${value}\n`)
  }
}

/** As many functions as asked for, with their interfaces. */
export function someFunctions(count: number, more: Partial<FakeFunction> = {}): FakeFunction[] {
  return Array.from({ length: count }, (_, i) => ({ address: `0000:03:10.${i}`, interface: `ens1f0v${i}`, ...more }))
}
