// SPDX-License-Identifier: Apache-2.0
import type { KubeClient, KubeList, PageOptions } from './client.ts'
import type { KubeObject, ResourceKind } from './object.ts'

/** More than a list's metadata takes up. */
const TAIL = 4_096

/**
 * All pages of a list, at one resourceVersion; the next page is fetched while one is used, but no more than that. The client cannot recover
 * from a continue token that expires half way: the caller starts over.
 * @throws ApiError, isExpired
 */
export async function* pagesOf<T extends KubeObject>(
  client: Pick<KubeClient, 'listPage'>,
  kind: ResourceKind,
  options: PageOptions,
): AsyncGenerator<KubeList<T>, void> {
  let next: Promise<KubeList<T>> | undefined
  const ask = (token: string | undefined): void => {
    const more = token === undefined ? {} : { continue: token }
    next = client.listPage<T>(kind, { ...options, ...more, onContinue: ask })
    next.catch(() => undefined) // a caller that leaves early needs no error; one that stays awaits it
  }
  ask(options.continue)
  while (next) {
    const current: Promise<KubeList<T>> = next
    const page = await current
    if (next === current) {
      next = undefined
      if (page.metadata.continue) ask(page.metadata.continue)
    }
    yield page
  }
}

/**
 * The token from the last bytes of a list of custom resources, whose metadata comes after its items: fields are encoded in alphabetical
 * order (k8s.io/apimachinery, UnstructuredList). Undefined where the metadata comes first.
 */
export function continueOf(list: string): string | undefined {
  const [, metadata] = /"metadata":(\{[^{}]*\})\}\s*$/.exec(list.slice(-TAIL)) ?? []
  if (metadata === undefined) return undefined
  const { continue: token } = JSON.parse(metadata) as KubeList<unknown>['metadata']
  return token === '' ? undefined : token
}
