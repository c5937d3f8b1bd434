// SPDX-License-Identifier: Apache-2.0
import type { KubeClient, KubeList, PageOptions } from './client.ts'
import type { KubeObject, ResourceKind } from './object.ts'

/** More than the metadata of a list has. */
const TAIL = 4_096

/**
 * All pages of a list, at one resourceVersion; the next is under way while one is used, and no more than that. A continue token that
 * expired half way cannot be mended by the client: the caller begins again.
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
    next.catch(() => undefined) // who leaves before the end is told nothing; who stays awaits it
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
 * The token in the last bytes of a list of custom resources, whose metadata comes after its items: they are encoded in the order of
 * their names (k8s.io/apimachinery, UnstructuredList). Undefined where it comes before them.
 */
export function continueOf(list: string): string | undefined {
  const [, metadata] = /"metadata":(\{[^{}]*\})\}\s*$/.exec(list.slice(-TAIL)) ?? []
  if (metadata === undefined) return undefined
  const { continue: token } = JSON.parse(metadata) as KubeList<unknown>['metadata']
  return token === '' ? undefined : token
}
