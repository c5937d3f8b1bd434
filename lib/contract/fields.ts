// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod'

export const uid = z.string().regex(/^[a-z0-9-]{1,63}$/)
export const mac = z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/)
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
/** `namespace/name`. */
export const networkKey = z.string().max(320)
export const dnsLabel = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
  .max(253)
/** A network device or bridge of a Linux host: at most 15 characters (IFNAMSIZ). */
export const interfaceName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/)
/** An SDN controller, as spec.controller.name of a ProviderNetwork has it. */
export const controllerName = z
  .string()
  .regex(/^[a-z0-9.-]+\/[a-z0-9._-]+$/)
  .max(127)
/** Of a CPU, virtual or not. */
export const cpuNumber = z.int().min(0).max(8191)
/** As the kernel writes it: `2-7,10`. */
export const cpuList = z
  .string()
  .regex(/^\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*$/)
  .max(1024)
/** Of a PCI device, as the kernel names it: domain, bus, slot and function. */
export const pciAddress = z.string().regex(/^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/)
/** Of a vendor, or of one of its products. */
export const pciID = z.string().regex(/^[0-9a-f]{4}$/)
