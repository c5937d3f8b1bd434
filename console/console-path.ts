// SPDX-License-Identifier: Apache-2.0
import { fromNodeToken } from '../lib/contract/subjects.ts'
import { uid } from '../lib/contract/fields.ts'

/** Which console a URL of a ConsoleAccess names. */
export interface ConsolePath {
  type: 'serial' | 'vnc' | 'log'
  node: string
  machine: string
  access: string
}

/** Undefined when it names none. Pure. */
export function parseConsolePath(path: string): ConsolePath | undefined {
  const [empty, type, token = '', machine = '', access = '', ...rest] = path.split('/')
  if (empty !== '' || (type !== 'serial' && type !== 'vnc' && type !== 'log') || rest.length > 0) return undefined
  if (!uid.safeParse(machine).success || !uid.safeParse(access).success) return undefined
  try {
    return { type, node: fromNodeToken(token), machine, access }
  } catch {
    return undefined
  }
}
