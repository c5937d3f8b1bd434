// SPDX-License-Identifier: Apache-2.0
// May guests use KVM here? /dev/kvm may exist and open while no guest ever runs: only a guest that has executed something proves it.
import { randomUUID } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LibvirtConnection, type ConnectionOptions } from '../../../../lib/libvirt/connection.ts'
import { Start } from '../../../../lib/libvirt/constants.ts'
import { isDisconnected, LibvirtError } from '../../../../lib/libvirt/error.ts'
import { procedures } from '../../../../lib/libvirt/procedures.ts'
import { readIfThere } from '../../../../lib/durable-files.ts'
import { writeXml } from './xml-tree.ts'

export interface Acceleration {
  acceleration: 'kvm' | 'qemu'
  accelerationReason?: string
}

/** Why the trial guest did not run. `slow`: it was started on a host that should be capable, but did not finish in time. */
export interface Refusal {
  reason: string
  slow: boolean
}

/** Resolves with undefined when the guest ran. @param times multiplies the usual time limit */
export type GuestTrial = (type: 'kvm' | 'qemu', signal: AbortSignal, times?: number) => Promise<Refusal | undefined>

const PROOF = 'NEPHELE KVM'
const TIMEOUT_MS = 5_000
/** Without the CPU's virtualization flag KVM is unlikely to work, and if it works it does so at once. */
const TIMEOUT_WITHOUT_FLAG_MS = 1_500

export interface ProbeOptions {
  connection: ConnectionOptions
  /** Holds the result, the boot sector and the serial log; libvirt sees it under the same path. */
  dir: string
}

/** Runs a guest of 512 bytes. Resolves with undefined when it ran, else with the reason. `qemu` is the control: it must run anywhere. */
export async function tryGuest(
  type: 'kvm' | 'qemu',
  options: ProbeOptions,
  signal: AbortSignal,
  times = 1,
): Promise<Refusal | undefined> {
  // A unique name: the guest of the last trial may still be shutting down.
  const name = `probe-of-nephele-${randomUUID()}`
  const disk = join(options.dir, `${name}.img`)
  const log = join(options.dir, `${name}.log`)
  await mkdir(options.dir, { recursive: true })
  await writeFile(disk, bootSector(PROOF))
  const isLikely = type === 'qemu' || (await hasVirtualizationFlag())
  const timeoutMs = (isLikely ? TIMEOUT_MS : TIMEOUT_WITHOUT_FLAG_MS) * times
  // Autodestroy: the domain ends when this connection closes, for whatever reason.
  const connection = await LibvirtConnection.open(options.connection, signal)
  let end: (() => Promise<unknown>) | undefined
  try {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs + 10_000)])
    const xml = probeXml({ type, name, disk, log })
    const { domain } = await connection.call(procedures.createXml, { xml, flags: Start.autodestroy }, deadline)
    end = () => connection.call(procedures.destroy, { domain, flags: 0 }, deadline)
    const due = performance.now() + timeoutMs
    while (performance.now() < due) {
      if ((await readIfThere(log))?.includes(PROOF)) return undefined
      await sleep(50, undefined, { signal })
    }
    const what = type === 'kvm' ? '/dev/kvm opens, but a guest that uses it' : 'a guest under plain emulation'
    return { reason: `${what} did not run within ${timeoutMs} ms`, slow: isLikely }
  } catch (error) {
    if (isDisconnected(error) || !(error instanceof LibvirtError)) throw error
    const what = type === 'kvm' ? 'KVM is not available' : 'a guest under plain emulation does not start'
    return { reason: `${what}: ${error.message.split('\n')[0] ?? ''}`.slice(0, 200), slow: false }
  } finally {
    await end?.().catch(() => undefined)
    connection.close()
    await rm(disk, { force: true })
    await rm(log, { force: true })
  }
}

function probeXml(probe: { type: 'kvm' | 'qemu'; name: string; disk: string; log: string }): string {
  const { type, name, disk, log } = probe
  return writeXml({
    domain: {
      '@type': type,
      name,
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
  })
}

/**
 * A boot sector that writes a text to the first serial port and halts. 16-bit x86, loaded at 0x7c00:
 * mov si, text; next: cs lodsb; test al, al; jz stop; mov dx, 0x3f8; out dx, al; jmp next; stop: cli; hlt; jmp stop
 */
function bootSector(text: string): Buffer {
  const code = [
    0xfc, 0xbe, 0x13, 0x7c, 0x2e, 0xac, 0x84, 0xc0, 0x74, 0x06, 0xba, 0xf8, 0x03, 0xee, 0xeb, 0xf4, 0xfa, 0xf4, 0xeb,
  ]
  const sector = Buffer.alloc(2 ** 20) // SeaBIOS does not read disks smaller than a cylinder
  Buffer.from([...code, 0xfc]).copy(sector)
  sector.writeUInt16LE(0x7c00 + code.length + 1, 2)
  sector.write(`${text}\r\n\0`, code.length + 1, 'latin1')
  sector.writeUInt16LE(0xaa55, 510)
  return sector
}

async function hasVirtualizationFlag(): Promise<boolean> {
  return /^flags\s*:.*\b(vmx|svm)\b/m.test((await readIfThere('/proc/cpuinfo')) ?? '')
}
