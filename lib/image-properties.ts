// SPDX-License-Identifier: Apache-2.0
// Image properties, by their Glance names (https://docs.openstack.org/glance/latest/admin/useful-image-properties.html), that a guest's
// boot or safety depends on. Each is honoured or refused by name: if one were ignored, a guest would run without what its image requires.
// All others are stored and have no effect.

/** As Nova reads a flag (oslo.utils' bool_from_string), without the single letters. */
const FLAGS = [
  ['true', 'false'],
  ['yes', 'no'],
  ['on', 'off'],
  ['1', '0'],
] as const
const YES_OR_NO = FLAGS.flat()

/** The values that are supported today. An empty list: none. */
const SUPPORTED: Readonly<Record<string, readonly string[]>> = {
  architecture: ['x86_64'],
  hw_architecture: ['x86_64'],
  hw_emulation_architecture: ['x86_64'],
  hw_machine_type: ['q35'],
  hw_disk_bus: ['virtio', 'scsi', 'sata'],
  hw_scsi_model: ['virtio-scsi'],
  hw_watchdog_action: ['disabled', 'none', 'reset', 'poweroff'],
  hw_vif_model: ['virtio', 'e1000e'],
  hw_rng_model: ['virtio'],
  hw_firmware_type: ['bios', 'uefi'],
  hw_firmware_stateless: ['false'],
  os_secure_boot: ['disabled', 'optional', 'required'],
  hw_tpm_version: ['2.0'],
  hw_tpm_model: ['tpm-tis', 'tpm-crb'],
  hw_boot_menu: YES_OR_NO,
  hw_time_hpet: YES_OR_NO,
  hw_mem_encryption: ['false'],
  hw_mem_encryption_model: [],
  hw_ephemeral_encryption: ['false'],
  hw_ephemeral_encryption_format: [],
  hw_ephemeral_encryption_secret_uuid: [],
  hw_viommu_model: [],
  cinder_encryption_key_id: [],
  img_signature: [],
  img_signature_hash_method: [],
  img_signature_key_type: [],
  img_signature_certificate_uuid: [],
  vm_mode: ['hvm'],
  img_hv_type: ['kvm', 'qemu'],
  hypervisor_type: ['kvm', 'qemu'],
}

/** Of the rescue disk that is made from an image, as in Nova: with either of them all other disks keep their names in the guest. */
const OF_RESCUE: Readonly<Record<string, readonly string[]>> = { hw_rescue_device: ['disk'], hw_rescue_bus: ['virtio'] }

/** All that are judged, for the documentation's test. */
export const JUDGED_PROPERTIES: readonly string[] = [...Object.keys(SUPPORTED), ...Object.keys(OF_RESCUE)]

/** Whether the disks of a machine that is rescued with this image keep their names in the guest. Pure. */
export function keepsDiskNames(properties: Readonly<Record<string, string>>): boolean {
  return Object.keys(OF_RESCUE).some((name) => Object.hasOwn(properties, name))
}

/** Of a tap; Linux, drivers/net/tun.c. */
const MOST_QUEUES = 256

/** How many pairs of queues a machine's interfaces have: one a CPU where the image says so. Pure. */
export function queuesOf(properties: Readonly<Record<string, string>>, vcpus: number): number {
  return isYes(properties['hw_vif_multiqueue_enabled']) ? Math.min(vcpus, MOST_QUEUES) : 1
}

function isYes(text = ''): boolean {
  return FLAGS.some(([yes]) => yes === text.toLowerCase())
}

function isNo(text = ''): boolean {
  return FLAGS.some(([, no]) => no === text.toLowerCase())
}

/** Whether there is a channel for an agent in the guest: unless the image says that it can do without. Pure. */
export function hasAgentChannel(properties: Readonly<Record<string, string>>): boolean {
  return !isNo(properties['hw_qemu_guest_agent'])
}

/** Whether the firmware offers for a while to choose what to boot from. Pure. */
export function hasBootMenu(properties: Readonly<Record<string, string>>): boolean {
  return isYes(properties['hw_boot_menu'])
}

/** Whether a machine of this image has a High Precision Event Timer; undefined: the image does not say. Pure. */
export function hpetOf(properties: Readonly<Record<string, string>>): boolean | undefined {
  const asked = properties['hw_time_hpet']
  return asked === undefined ? undefined : isYes(asked)
}

export type DiskBus = 'virtio' | 'scsi' | 'sata'

/** What a machine's own disks are on. Pure. */
export function diskBusOf(properties: Readonly<Record<string, string>>): DiskBus {
  const bus = properties['hw_disk_bus']?.toLowerCase()
  return bus === 'scsi' || bus === 'sata' ? bus : 'virtio'
}

export type Firmware = 'bios' | 'uefi' | 'secure-boot'

/** What a machine of this image begins with; `secure-boot`: UEFI that starts nothing unsigned. Pure. */
export function firmwareOf(properties: Readonly<Record<string, string>>): Firmware {
  if (properties['hw_firmware_type']?.toLowerCase() !== 'uefi') return 'bios'
  return properties['os_secure_boot']?.toLowerCase() === 'required' ? 'secure-boot' : 'uefi'
}

/** Whether a machine of this image has a TPM 2.0. Pure. */
export function hasTpm(properties: Readonly<Record<string, string>>): boolean {
  return properties['hw_tpm_version'] !== undefined
}

/** Whether a machine of this image is set up for Windows, as Nova does it. Pure. */
export function isWindows(properties: Readonly<Record<string, string>>): boolean {
  return properties['os_type']?.toLowerCase() === 'windows'
}

/** Extra specs of a Flavor that say the same as a property of an image. */
const SAME_OF_FLAVOR: Readonly<Record<string, string>> = {
  'hw:tpm_version': 'hw_tpm_version',
  'hw:tpm_model': 'hw_tpm_model',
  'os:secure_boot': 'os_secure_boot',
  'hw:watchdog_action': 'hw_watchdog_action',
  'hw:vif_multiqueue_enabled': 'hw_vif_multiqueue_enabled',
  'hw:boot_menu': 'hw_boot_menu',
}

/** Where both speak; of all others they have to say the same. */
const IMAGE_WINS = ['hw_watchdog_action', 'hw_vif_multiqueue_enabled', 'hw_boot_menu']

/** Whether the extra spec is one of those that say the same as a property. */
export function isPropertySpec(key: string): boolean {
  return Object.hasOwn(SAME_OF_FLAVOR, key)
}

/** What a machine gets by its image and by the extra specs of its Flavor; where both speak, the image does. Pure. */
export function withExtraSpecs(
  properties: Readonly<Record<string, string>>,
  extraSpecs: Readonly<Record<string, string>>,
): Record<string, string> {
  const ofFlavor = Object.entries(SAME_OF_FLAVOR).flatMap(([key, name]) => {
    const value = extraSpecs[key]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...Object.fromEntries(ofFlavor), ...properties }
}

/** The first extra spec that is not supported, or not with this image, as Nova has it (FlavorImageConflict); undefined when all are. Pure. */
export function findUnsupportedSpec(
  extraSpecs: Readonly<Record<string, string>>,
  properties: Readonly<Record<string, string>>,
): string | undefined {
  for (const [key, name] of Object.entries(SAME_OF_FLAVOR)) {
    const [value, ofImage] = [extraSpecs[key], properties[name]]
    if (value === undefined) continue
    const values = SUPPORTED[name]
    if (values && !values.includes(value.toLowerCase()))
      return `extra spec ${key} is "${value}"; write ${values.join(' or ')}`
    if (!IMAGE_WINS.includes(name) && ofImage !== undefined && ofImage.toLowerCase() !== value.toLowerCase())
      return `extra spec ${key} is "${value}", and image property ${name} is "${ofImage}": write the same, or one of them`
  }
  return findAlone(withExtraSpecs(properties, extraSpecs))
}

/** As `findUnsupported`, of an image that a machine is to be rescued with. Pure. */
export function findUnsupportedForRescue(properties: Readonly<Record<string, string>>): string | undefined {
  return findUnsupported(properties) ?? findOther(properties, OF_RESCUE)
}

/** The first property that is not supported, in a sentence that says what to write instead; undefined when all are. Pure. */
export function findUnsupported(properties: Readonly<Record<string, string>>): string | undefined {
  return findOther(properties, SUPPORTED) ?? findAlone(properties)
}

/** One that means nothing without another. */
function findAlone(properties: Readonly<Record<string, string>>): string | undefined {
  if (properties['os_secure_boot']?.toLowerCase() === 'required' && firmwareOf(properties) === 'bios')
    return 'os_secure_boot is "required"; that needs image property hw_firmware_type uefi, too'
  if (properties['hw_tpm_model'] !== undefined && !hasTpm(properties))
    return `hw_tpm_model is "${properties['hw_tpm_model']}"; that needs hw_tpm_version 2.0, too`
  return undefined
}

function findOther(
  properties: Readonly<Record<string, string>>,
  supported: Readonly<Record<string, readonly string[]>>,
): string | undefined {
  for (const [name, value] of Object.entries(properties)) {
    const values = Object.hasOwn(supported, name) ? supported[name] : undefined
    if (values === undefined || values.includes(value.toLowerCase())) continue
    const instead = values.length === 0 ? 'this cannot be had yet: take it out' : `write ${values.join(' or ')}`
    return `image property ${name} is "${value}"; ${instead}`
  }
  return undefined
}
