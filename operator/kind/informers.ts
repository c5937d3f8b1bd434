// SPDX-License-Identifier: Apache-2.0
import type { Informers } from '../../lib/informer/informers.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { KIND_NAMES, KINDS } from '../kinds.ts'
import { indexesOf } from './references.ts'
import { resourceKindOf, type Caches, type KindRow, type OperatorInformers } from './row.ts'

/** One informer per kind. */
export function watchAll(informers: Informers): OperatorInformers {
  return byKind((name) => {
    const row = KINDS[name] as KindRow<KubeObject>
    return informers.of(resourceKindOf(name), {
      indexes: indexesOf(row),
      ...(row.project ? { project: row.project } : {}),
    })
  }) as unknown as OperatorInformers
}

export function cachesOf(informers: OperatorInformers): Caches {
  return byKind((name) => informers[name].cache) as unknown as Caches
}

function byKind<T>(make: (name: (typeof KIND_NAMES)[number]) => T): Record<string, T> {
  return Object.fromEntries(KIND_NAMES.map((name) => [name, make(name)]))
}
