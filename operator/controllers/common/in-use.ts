// SPDX-License-Identifier: Apache-2.0
import { keyOfObject, type KubeObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { listNames } from './references.ts'

/** `Instances a/x, a/y and 3 more`. */
export function namesOfUsers(kind: string, users: readonly KubeObject[]): string {
  return `${kind}${users.length > 1 ? 's' : ''} ${listNames(users.map(keyOfObject))}`
}

/** What is in use stays Terminating and says by what (invariant 9). Undefined when nothing uses it. */
export function waitForUsers(
  users: readonly (readonly [kind: string, users: readonly KubeObject[]])[],
): Outcome | undefined {
  const parts = users.filter(([, list]) => list.length > 0).map(([kind, list]) => namesOfUsers(kind, list))
  return parts.length === 0 ? undefined : waitFor('InUse', `in use by ${parts.join(', ')}: delete these first`)
}
