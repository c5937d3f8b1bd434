// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import type { Instance, InstanceNetwork } from '../../../lib/api/types.ts'
import { keyOfRef, type ObjectKey } from '../../../lib/kube/object.ts'

/** One of the machine's interfaces, in the order of the guest. */
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

const NAME_LENGTH = 200

/**
 * The same name at every attempt, and another for a machine made anew under an old name: the UID is in it. Names of Instances may
 * have 253 characters.
 */
export function automaticPortName(instance: Instance, index: number): string {
  const { name, uid } = instance.metadata
  const digest = createHash('sha256').update(uid).digest('hex').slice(0, 8)
  return `${name.slice(0, NAME_LENGTH)}-${index}-${digest}`
}

export function portKeyOf(instance: Instance, nic: Nic): ObjectKey {
  return keyOfRef({ namespace: instance.metadata.namespace, name: nic.portName })
}
