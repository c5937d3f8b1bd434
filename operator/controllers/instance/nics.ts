// SPDX-License-Identifier: Apache-2.0
import type { Instance, InstanceNetwork } from '../../../lib/api/types.ts'
import { keyOfRef, type ObjectKey } from '../../../lib/kube/object.ts'
import { automaticPortName } from '../../placed/automatic-port-name.ts'

/** One interface of the machine. */
export interface Nic {
  index: number
  want: InstanceNetwork
  /** Name of its Port, which is always in the Instance's namespace. */
  portName: string
  /** We make the Port, and delete it with the machine. */
  isAutomatic: boolean
}

export function listNics(instance: Instance): Nic[] {
  return (instance.spec.networks ?? []).map((want, index) => ({
    index,
    want,
    portName: want.portRef?.name ?? automaticPortName(instance, index),
    isAutomatic: want.portRef === undefined,
  }))
}

/** The seed for the MAC of the interface's automatic Port. */
export function macSeedOf({ metadata }: Instance, { index }: Nic): string {
  return `${metadata.uid}/${index}`
}

export function portKeyOf(instance: Instance, nic: Nic): ObjectKey {
  return keyOfRef({ namespace: instance.metadata.namespace, name: nic.portName })
}
