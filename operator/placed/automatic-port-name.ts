// SPDX-License-Identifier: Apache-2.0
import { hash } from 'node:crypto'

const NAME_LENGTH = 200
const LAST_PART = /-\d{1,2}-[0-9a-f]{8}$/

/**
 * The name is the same at every attempt and, as it depends on the UID, different for a machine recreated under the same name. Names of
 * Instances may have 253 characters and dots: the cut must not leave a dot before the hyphen, as no label of a name may begin with one.
 */
export function automaticPortName(instance: Named, index: number): string {
  return namesFor(instance)(index)
}

/** The first so many, by index. */
export function automaticPortNames(instance: Named, count: number): string[] {
  const nameOf = namesFor(instance)
  return Array.from({ length: count }, (_, index) => nameOf(index))
}

interface Named {
  metadata: { name: string; uid: string }
}

function namesFor({ metadata }: Named): (index: number) => string {
  const start = metadata.name.slice(0, NAME_LENGTH).replace(/\.+$/, '')
  const end = digestOf(metadata.uid)
  return (index) => `${start}-${index}-${end}`
}

/** Is this the name of one of this Instance's automatic Ports? */
export function isAutomaticPortName(portName: string, instance: { name: string; uid: string }): boolean {
  const last = LAST_PART.exec(portName)?.[0]
  if (last === undefined) return false
  return portName === automaticPortName({ metadata: instance }, Number(last.split('-')[1]))
}

function digestOf(uid: string): string {
  return hash('sha256', uid).slice(0, 8)
}
