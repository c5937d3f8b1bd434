// SPDX-License-Identifier: Apache-2.0
import type { WatchEvent } from './client.ts'
import { ApiError, isExpired, type StatusDetails } from './errors.ts'
import type { KubeObject, ResourceKind } from './object.ts'
import { resourceOf } from './paths.ts'

/** What one line of a watch says. @throws ApiError for an error event; 410 where the watch is too old to go on */
export function toWatchEvent<T extends KubeObject>(kind: ResourceKind, line: string): WatchEvent<T> {
  const event = JSON.parse(line) as { type: string; object: T & StatusDetails & { code?: number } }
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: event.type, object: strip<T>(event.object) }
    case 'BOOKMARK':
      return { type: 'BOOKMARK', resourceVersion: event.object.metadata.resourceVersion }
    default: {
      const error = new ApiError(`watch ${resourceOf(kind)}`, event.object.code ?? 500, event.object)
      throw isExpired(error) ? new ApiError(`watch ${resourceOf(kind)}`, 410, event.object) : error
    }
  }
}

/** Takes off what nobody reads. */
export function strip<T extends KubeObject>(object: T): T {
  const metadata = object.metadata as { managedFields?: unknown } | undefined
  // Not `delete`: in V8 that turns the object into a hash table, ten times its size.
  if (metadata?.managedFields) metadata.managedFields = undefined
  return object
}
