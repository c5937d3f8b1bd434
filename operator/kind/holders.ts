// SPDX-License-Identifier: Apache-2.0
// An object in use stays Terminating and says what uses it (invariant 9).
import { GROUP } from '../../lib/api/kinds.ts'
import { keyOfObject, type KubeObject } from '../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../lib/outcome.ts'
import { KIND_NAMES, KINDS } from '../kinds.ts'
import { cacheOf, resourceKindOf, type AnyReference, type Caches, type KindName } from './row.ts'

/** Objects that block a deletion, by their kind as users write it. */
export type Holders = readonly (readonly [kind: string, objects: readonly KubeObject[]])[]

/** All objects whose references block the deletion of this one. An object does not block its own. */
export function listHolders(name: KindName, target: KubeObject, caches: Caches): Holders {
  return KIND_NAMES.flatMap((userName) => {
    const references = (KINDS[userName].references ?? {}) as Readonly<Record<string, AnyReference<KubeObject>>>
    const users = cacheOf(userName, caches)
    return Object.entries(references).flatMap(([index, reference]) => {
      if (reference.to !== name || !reference.holds) return []
      const all = users.listBy(index, keyOfObject(target))
      const holders = all.filter((user) => user.metadata.uid !== target.metadata.uid && isHeld(reference, user, target))
      return holders.length === 0 ? [] : [[resourceKindOf(userName).kind, holders] as const]
    })
  })
}

/** Never by one that is refused it for being deleted: each would wait for the other. */
function isHeld(reference: AnyReference<KubeObject>, user: KubeObject, target: KubeObject): boolean {
  return reference.holds?.(user, target) === true && reference.isKept?.(user, target) !== false
}

/**
 * @param help where there is more to do than to delete the users
 * @returns undefined when nothing uses it
 */
export function waitForHolders(name: KindName, target: KubeObject, caches: Caches, help?: string): Outcome | undefined {
  return waitForUsers(listHolders(name, target, caches), help)
}

/** The same for a list of users that the caller has worked out itself. */
export function waitForUsers(users: Holders, help = 'delete these first'): Outcome | undefined {
  const parts = users.filter(([, list]) => list.length > 0).map(([kind, list]) => namesOfUsers(kind, list))
  return parts.length === 0 ? undefined : waitFor('InUse', `in use by ${parts.join(', ')}: ${help}`)
}

/** `Instances a/x, a/y and 3 more`; what was made for something else names that too: `Port a/x-1 (of Instance x)`. */
export function namesOfUsers(kind: string, users: readonly KubeObject[]): string {
  return `${kind}${users.length > 1 ? 's' : ''} ${listNames(users.map(nameOfUser))}`
}

function nameOfUser(user: KubeObject): string {
  const owner = user.metadata.ownerReferences?.find(
    (o) => o.controller === true && o.apiVersion.startsWith(`${GROUP}/`),
  )
  return owner ? `${keyOfObject(user)} (of ${owner.kind} ${owner.name})` : keyOfObject(user)
}

/** `a, b, c and 4 more`: names of those that use something, for messages. */
export function listNames(names: readonly string[], shown = 3): string {
  const first = [...names].sort().slice(0, shown).join(', ')
  return names.length > shown ? `${first} and ${names.length - shown} more` : first
}
