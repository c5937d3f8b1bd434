// SPDX-License-Identifier: Apache-2.0
// Devices that an image asks for by its properties, under Nova's names. What is on the root bus has a place of its own there, so that those of all other
// devices are the same with and without it.
import { hasTpm, hpetOf, isWindows } from '../../../../lib/image-properties.ts'
import type { InstanceWant } from '../../instance-driver.ts'
import type { XmlTree } from './xml-tree.ts'

type Properties = InstanceWant['properties']

/** Slots of the root bus behind the root ports, eight of which share one, and before what q35 has at the end. */
const SLOTS = { video: '0x1a', usb: '0x1b', tablet: '0x1c', keyboard: '0x1d' } as const

/** Enough for 2560 x 1600. */
const VIDEO_KIB = 16_384
/** Any other, such as `qxl`, is VGA, which every guest can show something on. */
const CARDS = ['vga', 'virtio', 'bochs', 'cirrus', 'none']
/** Of which libvirt sets the memory; the others choose theirs. */
const WITH_MEMORY = ['vga', 'bochs']

/**
 * A VGA card, which every guest has a driver for, or the one of `hw_video_model`, and a VNC server on a unix socket of libvirt's own, never on a port; with it come a
 * keyboard and a mouse (PS/2). The agent lets in one at a time: that one cannot shut out another by the protocol.
 */
export function screen(properties: Properties): XmlTree {
  const asked = properties['hw_video_model']?.toLowerCase() ?? ''
  const type = CARDS.includes(asked) ? asked : 'vga'
  // libvirt would add a card to a server alone.
  if (type === 'none') return {}
  const memory = WITH_MEMORY.includes(type) ? { '@vram': String(VIDEO_KIB) } : {}
  return {
    graphics: { '@type': 'vnc', '@sharePolicy': 'force-shared', listen: { '@type': 'socket' } },
    video: {
      model: { '@type': type, ...memory, '@heads': '1', '@primary': 'yes' },
      address: onRootBus(SLOTS.video),
    },
  }
}

/** The bus of the keyboard and tablet beside those of PS/2. A tablet has the position of the pointer, a mouse only where it moved by. */
function inputBusOf(properties: Properties): 'usb' | 'virtio' | undefined {
  const bus = properties['hw_input_bus']?.toLowerCase()
  if (bus === 'usb' || bus === 'virtio') return bus
  return properties['hw_pointer_model']?.toLowerCase() === 'usbtablet' ? 'usb' : undefined
}

/** The controller of the tablet; without one a machine has no USB. */
export function usbController(properties: Properties): XmlTree {
  if (inputBusOf(properties) !== 'usb') return { '@type': 'usb', '@model': 'none' }
  return { '@type': 'usb', '@index': '0', '@model': 'qemu-xhci', address: onRootBus(SLOTS.usb) }
}

export function inputs(properties: Properties): XmlTree {
  const bus = inputBusOf(properties)
  if (bus === undefined) return {}
  const input = (type: 'tablet' | 'keyboard'): XmlTree => ({
    ...{ '@type': type, '@bus': bus },
    ...(bus === 'virtio' ? { address: onRootBus(SLOTS[type]) } : {}),
  })
  return { input: [input('tablet'), input('keyboard')] }
}

/** q35 has the watchdog (Intel's TCO) anyway, off until the guest's driver starts it: what comes of it when the guest hangs then. */
export function watchdog({ hw_watchdog_action: wanted }: Properties): XmlTree {
  if (wanted === undefined) return {}
  const action = wanted.toLowerCase()
  return { watchdog: { '@model': 'itco', '@action': action === 'disabled' ? 'none' : action } }
}

/**
 * swtpm's, whose state libvirt keeps by the machine's UUID and removes with a machine that has one: who had one keeps it, so that nothing of it is left
 * when the machine is removed in rescue, or after it was rebuilt from an image that asks for none. @param former the model so far
 */
export function tpm(properties: Properties, former?: string): XmlTree {
  if (!hasTpm(properties) && former === undefined) return {}
  const model = hasTpm(properties) ? (properties['hw_tpm_model']?.toLowerCase() ?? 'tpm-tis') : former
  return { tpm: { '@model': model, backend: { '@type': 'emulator', '@version': '2.0' } } }
}

function hasHyperV(properties: Properties, acceleration: 'kvm' | 'qemu'): boolean {
  return isWindows(properties) && acceleration === 'kvm'
}

/**
 * Windows reads the clock of the hardware as local time. With KVM it gets the clocks that it does not lose ticks of, as from Nova; the HPET
 * costs it much there, and is off unless the image asks for it. All others have it unless the image says no.
 */
export function clock(properties: Properties, acceleration: 'kvm' | 'qemu'): XmlTree {
  const timer = (name: string, rest: XmlTree): XmlTree => ({ '@name': name, ...rest })
  const isTuned = hasHyperV(properties, acceleration)
  const hpet = hpetOf(properties) ?? (isTuned ? false : undefined)
  const timers = [
    ...(isTuned ? [timer('pit', { '@tickpolicy': 'delay' }), timer('rtc', { '@tickpolicy': 'catchup' })] : []),
    ...(hpet === undefined ? [] : [timer('hpet', { '@present': hpet ? 'yes' : 'no' })]),
    ...(isTuned ? [timer('hypervclock', { '@present': 'yes' })] : []),
  ]
  return {
    '@offset': isWindows(properties) ? 'localtime' : 'utc',
    ...(timers.length === 0 ? {} : { timer: timers }),
  }
}

const ENLIGHTENMENTS = ['relaxed', 'vapic', 'vpindex', 'runtime', 'synic', 'reset', 'frequencies', 'tlbflush', 'ipi']

/** What Windows asks Hyper-V for, which KVM alone has: https://www.qemu.org/docs/master/system/i386/hyperv.html */
export function hyperV(properties: Properties, acceleration: 'kvm' | 'qemu'): XmlTree {
  if (!hasHyperV(properties, acceleration)) return {}
  const on: XmlTree = { '@state': 'on' }
  return {
    hyperv: {
      ...Object.fromEntries(ENLIGHTENMENTS.map((name) => [name, on])),
      spinlocks: { ...on, '@retries': '8191' },
    },
  }
}

function onRootBus(slot: string): XmlTree {
  return { '@type': 'pci', '@domain': '0x0000', '@bus': '0x00', '@slot': slot, '@function': '0x0' }
}
