// SPDX-License-Identifier: Apache-2.0
// May guests use KVM here? /dev/kvm can exist, open, and still run nothing: only a guest that did something proves it.
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { create } from 'xmlbuilder2'
import { z } from 'zod'
import { LibvirtConnection, type ConnectionOptions } from '../../../../lib/libvirt/connection.ts'
import { Start } from '../../../../lib/libvirt/constants.ts'
import { isDisconnected, LibvirtError } from '../../../../lib/libvirt/error.ts'
import { procedures } from '../../../../lib/libvirt/procedures.ts'
import { readIfThere } from '../../../../lib/durable-files.ts'

export interface Acceleration {
  acceleration: 'kvm' | 'qemu'
  accelerationReason?: string
}

const Cached = z.object({
  key: z.string(),
  acceleration: z.enum(['kvm', 'qemu']),
  accelerationReason: z.string().optional(),
})

const PROOF = 'NEPHELE KVM'
const TIMEOUT_MS = 5_000
/** Without the CPU's own flag success is unlikely and would come at once. */
const TIMEOUT_WITHOUT_FLAG_MS = 1_500

export interface ProbeOptions {
  connection: ConnectionOptions
  /** Where result, boot sector and serial log lie; seen by libvirt under the same path. */
  dir: string
  bootId: string
  hypervisorVersion: string
}

/** Runs the probe once for each boot and hypervisor version; the answer is kept on disk. */
export async function probeAcceleration(options: ProbeOptions, signal: AbortSignal): Promise<Acceleration> {
  const file = join(options.dir, 'acceleration.json')
  const key = `${options.bootId} ${options.hypervisorVersion}`
  const cached = Cached.safeParse(parseJson((await readIfThere(file)) ?? ''))
  if (cached.success && cached.data.key === key) {
    const { acceleration, accelerationReason } = cached.data
    return accelerationReason === undefined ? { acceleration } : { acceleration, accelerationReason }
  }
  const refusal = await tryGuest('kvm', options, signal)
  const result: Acceleration =
    refusal === undefined ? { acceleration: 'kvm' } : { acceleration: 'qemu', accelerationReason: refusal }
  await writeFile(`${file}.new`, JSON.stringify({ key, ...result }))
  await rename(`${file}.new`, file)
  return result
}

/** Runs a guest of 512 bytes. Undefined when it ran; else why not. `qemu` is the control: there it must always run. */
export async function tryGuest(
  type: 'kvm' | 'qemu',
  options: Omit<ProbeOptions, 'bootId' | 'hypervisorVersion'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const disk = join(options.dir, 'probe.img')
  const log = join(options.dir, 'probe.log')
  await mkdir(options.dir, { recursive: true })
  await rm(log, { force: true })
  await writeFile(disk, bootSector(PROOF))
  const timeoutMs = type === 'qemu' || (await hasVirtualizationFlag()) ? TIMEOUT_MS : TIMEOUT_WITHOUT_FLAG_MS
  // The domain ends with this connection, however that ends.
  const connection = await LibvirtConnection.open(options.connection, signal)
  try {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs + 10_000)])
    await connection.call(procedures.createXml, { xml: probeXml(type, disk, log), flags: Start.autodestroy }, deadline)
    const end = performance.now() + timeoutMs
    while (performance.now() < end) {
      if ((await readIfThere(log))?.includes(PROOF)) return undefined
      await sleep(50, undefined, { signal })
    }
    return `/dev/kvm opens, but a guest that uses it did not run within ${timeoutMs} ms`
  } catch (error) {
    if (isDisconnected(error) || !(error instanceof LibvirtError)) throw error
    return `KVM is not available: ${error.message.split('\n')[0] ?? ''}`.slice(0, 200)
  } finally {
    connection.close()
    await rm(disk, { force: true })
    await rm(log, { force: true })
  }
}

function probeXml(type: 'kvm' | 'qemu', disk: string, log: string): string {
  return create({
    domain: {
      '@type': type,
      name: `kvm-probe-of-nephele-${process.pid}`,
      memory: { '@unit': 'MiB', '#': '16' },
      vcpu: '1',
      os: { type: { '@arch': 'x86_64', '@machine': 'q35', '#': 'hvm' } },
      features: { acpi: {} },
      devices: {
        controller: { '@type': 'usb', '@model': 'none' },
        disk: {
          '@type': 'file',
          '@device': 'disk',
          driver: { '@name': 'qemu', '@type': 'raw' },
          source: { '@file': disk },
          target: { '@dev': 'vda', '@bus': 'virtio' },
        },
        serial: { '@type': 'file', source: { '@path': log }, target: { '@port': '0' } },
        memballoon: { '@model': 'none' },
      },
    },
  }).end({ headless: true })
}

/**
 * A boot sector that writes a text to the first serial port and halts. 16-bit x86, loaded at 0x7c00:
 * mov si, text; next: cs lodsb; test al, al; jz stop; mov dx, 0x3f8; out dx, al; jmp next; stop: cli; hlt; jmp stop
 */
function bootSector(text: string): Buffer {
  const code = [
    0xfc, 0xbe, 0x13, 0x7c, 0x2e, 0xac, 0x84, 0xc0, 0x74, 0x06, 0xba, 0xf8, 0x03, 0xee, 0xeb, 0xf4, 0xfa, 0xf4, 0xeb,
  ]
  const sector = Buffer.alloc(2 ** 20) // a disk of less than a cylinder is not read by SeaBIOS
  Buffer.from([...code, 0xfc]).copy(sector)
  sector.writeUInt16LE(0x7c00 + code.length + 1, 2)
  sector.write(`${text}\r\n\0`, code.length + 1, 'latin1')
  sector.writeUInt16LE(0xaa55, 510)
  return sector
}

async function hasVirtualizationFlag(): Promise<boolean> {
  return /^flags\s*:.*\b(vmx|svm)\b/m.test((await readIfThere('/proc/cpuinfo')) ?? '')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
