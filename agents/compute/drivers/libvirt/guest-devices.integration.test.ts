// SPDX-License-Identifier: Apache-2.0
// What guests find of the devices that their image asks for.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createHash, randomUUID } from 'node:crypto'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LibvirtClient } from '../../../../lib/libvirt/client.ts'
import { XmlFlag } from '../../../../lib/libvirt/constants.ts'
import { isUnsupported } from '../../../../lib/libvirt/error.ts'
import { unlessMissing } from '../../../../lib/durable-files.ts'
import { until } from '../../../../lib/time/until.ts'
import { imageBaseDir } from '../../paths.ts'
import type { InstanceWant } from '../../instance-driver.ts'
import { nicWant } from '../testing.ts'
import { domainUuid, domainUuidBytes } from './domain-name.ts'
import type { LibvirtInstanceDriver } from './libvirt-instance-driver.ts'
import { startDriverNode, type DriverNode } from './testing.ts'

const signal = new AbortController().signal
let at: DriverNode
let driver: LibvirtInstanceDriver

beforeAll(async () => {
  at = await startDriverNode()
  driver = at.newDriver()
}, 180_000)
afterAll(async () => {
  driver?.close()
  await at?.node.stop()
})

const consoleOf = async (uid: string): Promise<string> => (await driver.readConsoleLog(uid, 1 << 20)).toString('latin1')

async function startGuest(want: InstanceWant): Promise<void> {
  await driver.ensure(want, signal)
  await driver.setPower(want.uid, 'on', signal)
  let seen = ''
  await until(
    async () => (seen = await consoleOf(want.uid)).includes('MARK login'),
    () => seen.slice(-1500),
    150_000,
    250,
  )
}

/** @returns what the guest's shell prints */
async function run(uid: string, line: string): Promise<string> {
  const opened = await driver.openConsole(uid, signal)
  let output = ''
  opened.on('error', () => undefined).on('data', (chunk: Buffer) => (output += chunk.toString('latin1')))
  opened.write(`\n${line}; echo done-$((40+2))\n`)
  await until(
    () => output.includes('done-42'),
    () => output,
    30_000,
  )
  opened.destroy()
  return output
}

test('the host says what it has', async () => {
  expect(await driver.probe(signal)).toMatchObject({
    firmware: ['bios', 'uefi', 'secure-boot'],
    tpmVersions: expect.arrayContaining(['2.0']),
  })
}, 60_000)

const TPM = '/sys/class/tpm/tpm0'
const LIST = 'for d in /sys/bus/pci/devices/*; do echo $(cat $d/vendor):$(cat $d/device); done'

test('Secure Boot starts what is signed; a TPM measures it, stays through a new definition, and goes with the machine', async () => {
  const properties = {
    ...{ hw_firmware_type: 'uefi', os_secure_boot: 'required', hw_tpm_version: '2.0', hw_tpm_model: 'tpm-crb' },
    ...{ hw_video_model: 'virtio', hw_input_bus: 'usb' },
  }
  const want = at.want({ memoryMiB: 384, properties })
  await startGuest(want)
  const state = `/proc/${at.node.pid}/root/var/lib/libvirt/swtpm/${domainUuid(want.uid)}`
  const made = await stat(`${state}/tpm2`)
  expect(made.mode & 0o007).toBe(0)
  expect(await run(want.uid, 'dmesg | grep -i "secure boot"')).toMatch(/secure boot enabled/i)
  expect(await run(want.uid, 'dmesg')).toMatch(/unsigned module is rejected/)
  const pcr7 = async () => /\b[0-9A-F]{64}\b/.exec(await run(want.uid, `cat ${TPM}/pcr-sha256/7`))?.[0]
  expect(await run(want.uid, `cat ${TPM}/tpm_version_major`)).toMatch(/^2\r?$/m)
  const measured = await pcr7()
  expect(measured).toMatch(/[^0]/)
  // virtio-vga, xHCI of QEMU
  const devices = await run(want.uid, LIST)
  expect(devices).toContain('0x1af4:0x1050')
  expect(devices).toContain('0x1b36:0x000d')

  await driver.setPower(want.uid, 'off', signal)
  // As in rescue by an image that asks for none.
  await driver.ensure({ ...want, properties: {}, epoch: want.epoch + 1 }, signal)
  expect((await stat(`${state}/tpm2`)).ino).toBe(made.ino)
  await driver.remove(want.uid, signal)
  expect(await unlessMissing(() => readdir(state), [])).toEqual([])
}, 400_000)

test('Secure Boot starts nothing that is not signed', async () => {
  const { path, want } = await unsignedGuest({ hw_firmware_type: 'uefi', os_secure_boot: 'required' })
  expect(path).toBeDefined()
  await driver.ensure(want, signal)
  await driver.setPower(want.uid, 'on', signal)
  let seen = ''
  await until(
    async () => /Access Denied|Security Violation/i.test((seen = await consoleOf(want.uid))),
    () => seen.slice(-1500),
    90_000,
    250,
  )
  expect(seen).not.toContain('MARK')
  await driver.remove(want.uid, signal)
}, 150_000)

/** The guest's disk with a byte of its boot loader changed. */
async function unsignedGuest(properties: Record<string, string>): Promise<{ path: string; want: InstanceWant }> {
  const base = join(imageBaseDir(at.paths), at.image.sha256)
  const path = join(at.node.work, 'unsigned.raw')
  await at.node.exec(['qemu-img', 'convert', '-O', 'raw', base, path], { timeoutMs: 30_000 })
  const loader = join(at.node.work, 'loader.efi')
  const mtools = (...argv: string[]) =>
    at.node.exec([argv[0]!, '-i', `${path}@@1M`, ...argv.slice(1)], { timeoutMs: 10_000 })
  await mtools('mcopy', '-o', '::/EFI/BOOT/BOOTX64.EFI', loader)
  await at.node.exec(['dd', 'if=/dev/zero', `of=${loader}`, 'bs=1', 'seek=4096', 'count=1', 'conv=notrunc'], {
    timeoutMs: 10_000,
  })
  await mtools('mcopy', '-o', loader, '::/EFI/BOOT/BOOTX64.EFI')
  const sha256 = 'd'.repeat(64)
  await at.node.exec(['mv', path, join(imageBaseDir(at.paths), sha256)], { timeoutMs: 10_000 })
  const sizeBytes = at.image.virtualSizeBytes
  return { path, want: at.want({ memoryMiB: 256, properties, root: { sha256, format: 'raw', sizeBytes } }) }
}

const OLD = 'pc-q35-7.2'

test('a machine keeps its machine type when it is defined anew, as after a newer QEMU came; and has no HPET, but a boot menu, if its image says so', async () => {
  const properties = { hw_time_hpet: 'false', hw_boot_menu: 'true' }
  const want = at.want({ memoryMiB: 192, properties })
  const client = new LibvirtClient({ socketPath: at.node.socketPath, uri: 'qemu:///system' })
  try {
    await driver.ensure(want, signal)
    const definition = async (): Promise<string> => {
      const { domain } = await client.call('lookupByUuid', { uuid: domainUuidBytes(want.uid) }, signal)
      return (await client.call('getXml', { domain, flags: XmlFlag.inactive }, signal)).xml
    }
    const made = await definition()
    // libvirt writes the version down that `q35` is here.
    const [newest] = /pc-q35-[0-9.]+/.exec(made) ?? []
    expect(newest).toBeDefined()
    expect(newest).not.toBe(OLD)
    const defines = (type: string) =>
      client
        .call('defineXml', { xml: made.replaceAll(newest!, type), flags: 0 }, signal)
        .catch((error: unknown) => error)
    // What becomes `DomainRefused`.
    expect(isUnsupported(await defines('pc-q35-1.0'))).toBe(true)
    await defines(OLD)

    const later = { ...want, epoch: want.epoch + 1, memoryMiB: 256 }
    await startGuest(later)
    expect(await run(want.uid, 'cat /sys/class/dmi/id/product_version')).toContain(OLD)
    expect(await run(want.uid, 'ls /sys/firmware/acpi/tables')).toMatch(/FACP(?![^]*HPET)/)
    expect(await definition()).toContain("<bootmenu enable='yes' timeout='5000'/>")

    await driver.setPower(want.uid, 'off', signal)
    const rebuilt = { ...later, epoch: later.epoch + 1, disks: { root: 1, ephemeral: 0 } }
    await driver.makeDisks(rebuilt, signal)
    await driver.ensure({ ...rebuilt, properties: { ...properties, hw_firmware_type: 'uefi' } }, signal)
    expect(await definition()).toContain(newest)
    await driver.ensure({ ...rebuilt, properties: {} }, signal)
    await driver.setPower(want.uid, 'on', signal)
    const log = (await consoleOf(want.uid)).length
    await until(async () => (await consoleOf(want.uid)).slice(log).includes('MARK login'), 'it is up', 150_000, 250)
    expect(await run(want.uid, 'cat /sys/class/dmi/id/product_version')).toContain(newest)
    expect(await run(want.uid, 'ls /sys/firmware/acpi/tables')).toContain('HPET')
    await driver.remove(want.uid, signal)
  } finally {
    client.close()
  }
}, 400_000)

const LOAD =
  'while read -r m; do insmod /mod/$m.ko; done < /mod/disks; sleep 2; cat /sys/block/sd*/device/model; ls /sys/block'

test.each([
  ['sata', 'bios', 'QEMU HARDDISK'],
  ['scsi', 'uefi', 'QEMU HARDDISK'],
])(
  'a guest with its own disks on %s boots, by %s, has volumes beside them, and is copied',
  async (bus, firmware, model) => {
    const properties = { hw_disk_bus: bus, hw_firmware_type: firmware, hw_vif_multiqueue_enabled: 'true' }
    const volume = await at.volume()
    const want = at.want({ memoryMiB: 256, vcpus: 2, swapMiB: 64, properties })
    await startGuest(want)
    await driver.ensureVolumes({ ...want, volumes: [volume] }, signal)
    await driver.ensureNics({ ...want, nics: [nicWant()] }, signal)
    const seen = await run(want.uid, LOAD)
    expect(seen.split(model)).toHaveLength(3)
    expect(seen).toMatch(/\bsda\b.*\bsdb\b.*\bvda\b/s)
    expect(await run(want.uid, 'ls /sys/class/net/eth0/queues')).toMatch(/rx-0\s+rx-1\s+tx-0\s+tx-1/)
    const taken = { want, imageUid: randomUUID(), quiesce: 'Never' as const }
    const how = { onDiskFree: () => undefined, onStep: () => undefined, onProgress: () => undefined }
    const { virtualSizeBytes } = await driver.captureDisk({ ...taken, ...how }, signal)
    expect(virtualSizeBytes).toBe(want.root.sizeBytes)
    await driver.remove(want.uid, signal)
  },
  300_000,
)

/**
 * A boot sector for a guest that writes B to the serial port, starts the watchdog (ICH9's TCO) and does nothing more. The switch that lets it reset
 * the machine is in memory beyond what 16-bit code reaches: a segment of 4 GiB is loaded in protected mode.
 */
async function hangingGuest(action: string): Promise<InstanceWant> {
  const tables = 0x7c00 + 0x80
  const code = [
    ...[0xba, 0xf8, 0x03, 0xb0, 0x42, 0xee], // mov dx, 3f8; mov al, 'B'; out dx, al
    ...[0xfa, 0x31, 0xc0, 0x8e, 0xd8], // cli; xor ax, ax; mov ds, ax
    ...[0x0f, 0x01, 0x16, (tables + 16) & 0xff, (tables + 16) >> 8], // lgdt
    ...[0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0], // mov eax, cr0; or al, 1; mov cr0, eax
    ...[0xbb, 0x08, 0x00, 0x8e, 0xe3, 0x24, 0xfe, 0x0f, 0x22, 0xc0], // mov bx, 8; mov fs, bx; and al, fe; mov cr0, eax
    ...[0x66, 0xbf, 0x10, 0xf4, 0xd1, 0xfe], // mov edi, fed1f410 (GCS)
    ...[0x64, 0x67, 0x66, 0x83, 0x27, 0xdf], // and dword fs:[edi], ~20 (NO_REBOOT)
    ...[0xba, 0x72, 0x06, 0xb8, 0x04, 0x00, 0xef], // mov dx, 672 (TCO_TMR); mov ax, 4 (of 0.6 s); out dx, ax
    ...[0xba, 0x68, 0x06, 0x31, 0xc0, 0xef], // mov dx, 668 (TCO1_CNT); xor ax, ax; out dx, ax
    ...[0xba, 0x60, 0x06, 0x40, 0xef], // mov dx, 660 (TCO_RLD); inc ax; out dx, ax
    ...[0xf4, 0xeb, 0xfd], // hang: hlt; jmp hang
  ]
  const descriptors = [...Array<number>(8).fill(0), 0xff, 0xff, 0, 0, 0, 0x92, 0xcf, 0]
  const disk = Buffer.alloc(2 ** 20)
  Buffer.from(code).copy(disk)
  Buffer.from([...descriptors, 15, 0, tables & 0xff, tables >> 8, 0, 0]).copy(disk, tables - 0x7c00)
  disk.writeUInt16LE(0xaa55, 510)
  const sha256 = createHash('sha256').update(disk).digest('hex')
  await writeFile(join(imageBaseDir(at.paths), sha256), disk)
  const properties = { hw_watchdog_action: action }
  return at.want({ memoryMiB: 64, root: { sha256, format: 'raw', sizeBytes: disk.length }, properties })
}

const starts = async (uid: string): Promise<number> => (await consoleOf(uid)).match(/B/g)?.length ?? 0

test.each(['reset', 'poweroff', 'disabled'])(
  'a guest that hangs with the watchdog on: %s',
  async (action) => {
    const want = await hangingGuest(action)
    await driver.ensure(want, signal)
    await driver.setPower(want.uid, 'on', signal)
    await until(async () => (await starts(want.uid)) > 0, 'it started', 30_000, 100)
    const found = () => driver.find(want.uid, signal)
    if (action === 'reset') await until(async () => (await starts(want.uid)) > 1, 'it started again', 30_000, 100)
    if (action === 'poweroff') {
      await until(async () => (await found())?.power === 'off', 'it is off', 30_000, 100)
      expect(await found()).toMatchObject({ offReason: 'crashed' })
    }
    if (action === 'disabled') {
      await new Promise((resolve) => setTimeout(resolve, 10_000))
      expect(await starts(want.uid)).toBe(1)
      expect(await found()).toMatchObject({ power: 'running' })
    }
    await driver.remove(want.uid, signal)
  },
  90_000,
)
