// SPDX-License-Identifier: Apache-2.0
// Words of OVN's expression language (ovn-sb(5)) that several planners write.
import { TerminalError } from '../../../lib/errors.ts'

/** A name that can stand in a match as @name and $name_ip4. @throws TerminalError for what is no uid */
export function symbolOf(prefix: string, uid: string): string {
  if (!/^[a-z0-9-]+$/.test(uid)) throw new TerminalError('InvalidName', `${JSON.stringify(uid)} is not a uid`)
  return `${prefix}${uid.replaceAll('-', '_')}`
}

/** The name of a port of ours. @throws TerminalError for what is not made of a uid */
export function quotedName(name: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(name)) return JSON.stringify(name)
  throw new TerminalError('InvalidName', `${JSON.stringify(name)} is not made of a uid`)
}

/** That a field has a value from one to another. */
export function rangeMatch(field: string, first: number, last: number): string[] {
  return first === last ? [`${field} == ${first}`] : [`${field} >= ${first}`, `${field} <= ${last}`]
}

/** @throws TerminalError for what is no port */
export function checkedPort(port: number): number {
  if (Number.isInteger(port) && port > 0 && port <= 65_535) return port
  throw new TerminalError('InvalidRule', `${port} is not between 1 and 65535`)
}
