// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'
import { PCI_KINDS, type PciClaim } from '../../scheduler/nodes/pci-devices.ts'
import { isOutside } from './outside.ts'

/** Of a Port that is a virtual function of a network card: which kind. */
export function functionKindOf({ spec }: Port): keyof PciClaim | undefined {
  return PCI_KINDS.find((kind) => kind === spec.vnicType)
}

/** Whether its frames go past the switch of its node, so that gateway nodes serve it by way of the physical network. */
export function isOffSwitch(port: Port): boolean {
  return isOutside(port) || functionKindOf(port) !== undefined
}
