// SPDX-License-Identifier: Apache-2.0
// A guest that boots by UEFI firmware, and what it has written into the firmware's variables.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { unlessMissing } from '../../../../lib/durable-files.ts'
import { until } from '../../../../lib/time/until.ts'
import { instanceDir } from '../../paths.ts'
import type { InstanceWant } from '../../instance-driver.ts'
import type { LibvirtInstanceDriver } from './libvirt-instance-driver.ts'
import { startDriverNode, type DriverNode } from './testing.ts'

const signal = new AbortController().signal
const VARIABLE = '/sys/firmware/efi/efivars/Test-5b6f0e5c-9d35-4a36-8f0c-9f1b6d1a0001'
const MOUNT = 'insmod /mod/efivarfs.ko; mount -t efivarfs e /sys/firmware/efi/efivars'
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

/** Starts it, and types into it once it is up. @returns what it says from then on, up to `said` */
async function runIn(want: InstanceWant, line: string, said: RegExp): Promise<string> {
  await driver.ensure(want, signal)
  const before = (await driver.readConsoleLog(want.uid, 1 << 20)).length
  await driver.setPower(want.uid, 'on', signal)
  const log = async (): Promise<string> =>
    (await driver.readConsoleLog(want.uid, 1 << 20)).subarray(before).toString('latin1')
  let seen = ''
  await until(
    async () => (seen = await log()).includes('MARK login'),
    () => seen.slice(-800),
    120_000,
    250,
  )
  const console1 = await driver.openConsole(want.uid, signal)
  let output = ''
  console1.on('error', () => undefined).on('data', (chunk: Buffer) => (output += chunk.toString('latin1')))
  console1.write(`\n${line}\n`)
  await until(() => said.test(output), String(said), 20_000)
  console1.destroy()
  await driver.setPower(want.uid, 'off', signal)
  return output
}

test('a guest finds UEFI, keeps its variables through restarts and a BIOS in between, and all goes with it', async () => {
  const want = at.want({ memoryMiB: 256, properties: { hw_firmware_type: 'uefi' } })
  const { uid } = want
  // Four bytes of attributes (non-volatile, boot and run time), then the value: Linux, Documentation/filesystems/efivarfs.rst
  await runIn(want, `${MOUNT}; printf '\\007\\0\\0\\0kept' > ${VARIABLE}; sync; echo wrote-$((40+2))`, /wrote-42/)
  const variables = `${instanceDir(at.paths, uid)}/uefi-variables.fd`
  expect((await stat(variables)).mode & 0o077).toBe(0)
  const read = `${MOUNT}; tail -c 4 ${VARIABLE}; echo read-$((40+2))`
  // As in rescue, where the other image says how it boots.
  const bios = { ...want, properties: {} }
  expect(await runIn(bios, 'ls /sys/firmware; echo listed-$((40+2))', /listed-42/)).not.toMatch(/\befi\b/)
  expect(await runIn(want, read, /read-42/)).toContain('kept')
  await driver.remove(uid, signal)
  expect(existsSync(instanceDir(at.paths, uid))).toBe(false)
  const ofLibvirt = `/proc/${at.node.pid}/root/var/lib/libvirt/qemu/nvram`
  expect(await unlessMissing(() => readdir(ofLibvirt), [])).toEqual([])
}, 480_000)
