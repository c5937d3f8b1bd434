// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'

const NAME_LENGTH = 200
const LAST_PART = /-\d{1,2}-[0-9a-f]{8}$/

/**
 * The same name at every attempt, and another for a machine made anew under an old name: the UID is in it. Names of Instances may
 * have 253 characters and dots, and what a cut leaves must not end in one: no part of a name begins with the hyphen behind it.
 */
export function automaticPortName({ metadata }: { metadata: { name: string; uid: string } }, index: number): string {
  const start = metadata.name.slice(0, NAME_LENGTH).replace(/\.+$/, '')
  return `${start}-${index}-${digestOf(metadata.uid)}`
}

/** Is it the name of a Port that is made for this Instance? */
export function isAutomaticPortName(portName: string, instance: { name: string; uid: string }): boolean {
  const last = LAST_PART.exec(portName)?.[0]
  if (last === undefined) return false
  return portName === automaticPortName({ metadata: instance }, Number(last.split('-')[1]))
}

function digestOf(uid: string): string {
  return createHash('sha256').update(uid).digest('hex').slice(0, 8)
}
