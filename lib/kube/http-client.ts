// SPDX-License-Identifier: Apache-2.0
import type { KubeConfig } from '@kubernetes/client-node'
import type {
  DeleteOptions,
  KubeClient,
  KubeList,
  ListOptions,
  NewObject,
  PageOptions,
  RequestOptions,
  WatchEvent,
  WatchOptions,
} from './client.ts'
import { Connections } from './connection.ts'
import { ApiError, isNotFound } from './errors.ts'
import { apiVersionOf, type KubeObject, type ObjectRef, type ResourceKind } from './object.ts'
import { continueOf, pagesOf } from './pages.ts'
import { collectionPath, objectPath, queryOf, resourceOf } from './paths.ts'
import { Transport, type HttpRequest } from './transport.ts'
import { strip, toWatchEvent } from './watch-event.ts'
import { linesOf } from './watch-lines.ts'

const FIELD_MANAGER = 'nephele'
/** Two pages are in memory at once: one being read, one being fetched. */
const PAGE_SIZE = 250
const DEFAULT_TIMEOUT_MS = 30_000
const LIST_TIMEOUT_MS = 60_000

export type WriteVerb = 'create' | 'update' | 'updateStatus' | 'patch' | 'apply' | 'delete'

export interface RequestSample {
  verb: 'get' | 'list' | 'watch' | 'review' | WriteVerb
  /** Plural and group, as `instances.nephele.dev`, or the path of a review. */
  resource: string
  /** 0 when there was no answer. */
  code: number
  durationMs: number
}

export interface HttpKubeClientOptions {
  /** For metrics: called once for each request that has ended. */
  onRequest?: (sample: RequestSample) => void
}

/** KubeClient over HTTP, on connections that are kept open. */
export class HttpKubeClient implements KubeClient {
  readonly #connections: Connections
  readonly #transport: Transport
  readonly #onRequest: (sample: RequestSample) => void

  constructor(config: KubeConfig, options: HttpKubeClientOptions = {}) {
    this.#connections = new Connections(config)
    this.#transport = new Transport(this.#connections)
    this.#onRequest = options.onRequest ?? (() => undefined)
  }

  get<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef, options?: RequestOptions): Promise<T> {
    return this.#object<T>('get', kind, { method: 'GET', path: objectPath(kind, ref), ...timing(options) })
  }

  async find<T extends KubeObject>(
    kind: ResourceKind,
    ref: ObjectRef,
    options?: RequestOptions,
  ): Promise<T | undefined> {
    try {
      return await this.get<T>(kind, ref, options)
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  async listPage<T extends KubeObject>(kind: ResourceKind, options: PageOptions = {}): Promise<KubeList<T>> {
    // A token has the version in itself, and is refused beside one.
    const isExactly = options.isExactly === true
    const query = queryOf({
      limit: options.limit ?? PAGE_SIZE,
      continue: options.continue,
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
      resourceVersion: isExactly && options.continue !== undefined ? undefined : options.resourceVersion,
      resourceVersionMatch: isExactly && options.continue === undefined ? 'Exact' : undefined,
    })
    const path = collectionPath(kind, options.namespace) + query
    const { onContinue } = options
    const onText = (text: string): void => {
      const token = continueOf(text)
      if (token !== undefined) onContinue?.(token)
    }
    const request = {
      method: 'GET',
      path,
      ...timing(options, LIST_TIMEOUT_MS),
      ...(onContinue ? { onText } : {}),
    } as const
    const page = await this.#send<KubeList<T>>('list', resourceOf(kind), request)
    for (const item of page.items) strip(item)
    return page
  }

  async list<T extends KubeObject>(kind: ResourceKind, options: ListOptions = {}): Promise<T[]> {
    const items: T[] = []
    for await (const page of pagesOf<T>(this, kind, options)) items.push(...page.items)
    return items
  }

  async *watch<T extends KubeObject>(kind: ResourceKind, options: WatchOptions): AsyncGenerator<WatchEvent<T>, void> {
    const query = queryOf({
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: options.resourceVersion,
      timeoutSeconds: options.timeoutSeconds,
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
    })
    const path = collectionPath(kind, options.namespace) + query
    const startedAt = performance.now()
    let code = 200
    try {
      const chunks = this.#transport.stream({
        method: 'GET',
        path,
        timeoutMs: options.idleTimeoutMs,
        signal: options.signal,
      })
      for await (const line of linesOf(chunks)) yield toWatchEvent<T>(kind, line)
    } catch (error) {
      code = error instanceof ApiError ? error.code : 0
      throw error
    } finally {
      this.#onRequest({ verb: 'watch', resource: resourceOf(kind), code, durationMs: performance.now() - startedAt })
    }
  }

  create<T extends KubeObject>(kind: ResourceKind, object: NewObject<T>, options?: RequestOptions): Promise<T> {
    const path = collectionPath(kind, object.metadata.namespace) + queryOf({ fieldManager: FIELD_MANAGER })
    return this.#object<T>('create', kind, { method: 'POST', path, body: typed(kind, object), ...timing(options) })
  }

  update<T extends KubeObject>(kind: ResourceKind, object: T, options?: RequestOptions): Promise<T> {
    const path = objectPath(kind, object.metadata) + queryOf({ fieldManager: FIELD_MANAGER })
    return this.#object<T>('update', kind, { method: 'PUT', path, body: typed(kind, object), ...timing(options) })
  }

  updateStatus<T extends KubeObject>(kind: ResourceKind, object: T, options?: RequestOptions): Promise<T> {
    const { name, namespace, uid, resourceVersion } = object.metadata
    if (!resourceVersion)
      throw new TypeError(`${kind.kind} ${name}: a status without a resourceVersion would overwrite newer ones`)
    const path = objectPath(kind, object.metadata, 'status') + queryOf({ fieldManager: FIELD_MANAGER })
    const body = typed(kind, { metadata: { name, namespace, uid, resourceVersion }, status: object.status ?? {} })
    return this.#object<T>('updateStatus', kind, { method: 'PUT', path, body, ...timing(options) })
  }

  mergePatch<T extends KubeObject>(
    kind: ResourceKind,
    ref: ObjectRef,
    patch: object,
    options?: RequestOptions,
  ): Promise<T> {
    const path = objectPath(kind, ref) + queryOf({ fieldManager: FIELD_MANAGER })
    const contentType = 'application/merge-patch+json'
    return this.#object<T>('patch', kind, { method: 'PATCH', path, body: patch, contentType, ...timing(options) })
  }

  patchFinalizers<T extends KubeObject>(
    kind: ResourceKind,
    object: T,
    finalizers: readonly string[],
    options?: RequestOptions,
  ): Promise<T> {
    const { uid, resourceVersion } = object.metadata
    const patch = { metadata: { uid, resourceVersion, finalizers: finalizers.length === 0 ? null : finalizers } }
    return this.mergePatch<T>(kind, object.metadata, patch, options)
  }

  apply<T extends KubeObject>(kind: ResourceKind, object: NewObject<T>, options?: RequestOptions): Promise<T> {
    const path = objectPath(kind, object.metadata) + queryOf({ fieldManager: FIELD_MANAGER, force: true })
    const contentType = 'application/apply-patch+yaml' // JSON is YAML
    return this.#object<T>('apply', kind, {
      method: 'PATCH',
      path,
      body: typed(kind, object),
      contentType,
      ...timing(options),
    })
  }

  async remove(kind: ResourceKind, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const { preconditions, propagationPolicy = 'Background' } = options
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy,
      ...(preconditions ? { preconditions } : {}),
    }
    try {
      const request = { method: 'DELETE', path: objectPath(kind, ref), body, ...timing(options) } as const
      await this.#send('delete', resourceOf(kind), request)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  review<T>(path: string, body: object, options?: RequestOptions): Promise<T> {
    return this.#send<T>('review', path, { method: 'POST', path, body, ...timing(options) })
  }

  /** The answer as it is; of more than `mostBytes` its end. */
  async readText(path: string, options: RequestOptions & { mostBytes: number }): Promise<string> {
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of this.#transport.stream({ method: 'GET', path, ...timing(options) })) {
      chunks.push(chunk)
      length += chunk.length
      while (length - (chunks[0]?.length ?? length) >= options.mostBytes) length -= chunks.shift()?.length ?? 0
    }
    return Buffer.concat(chunks).subarray(-options.mostBytes).toString('utf8')
  }

  /** Aborts requests in progress. */
  close(): Promise<void> {
    return this.#connections.close()
  }

  async #object<T extends KubeObject>(
    verb: RequestSample['verb'],
    kind: ResourceKind,
    request: HttpRequest,
  ): Promise<T> {
    return strip(await this.#send<T>(verb, resourceOf(kind), request))
  }

  async #send<T>(verb: RequestSample['verb'], resource: string, request: HttpRequest): Promise<T> {
    const startedAt = performance.now()
    let code = 200
    try {
      return await this.#transport.json<T>(request)
    } catch (error) {
      code = error instanceof ApiError ? error.code : 0
      throw error
    } finally {
      this.#onRequest({ verb, resource, code, durationMs: performance.now() - startedAt })
    }
  }
}

function typed(kind: ResourceKind, object: object): object {
  return { ...object, apiVersion: apiVersionOf(kind), kind: kind.kind }
}

function timing(
  options: RequestOptions | undefined,
  fallback = DEFAULT_TIMEOUT_MS,
): Pick<HttpRequest, 'timeoutMs' | 'signal' | 'beforeSend'> {
  return { timeoutMs: options?.timeoutMs ?? fallback, signal: options?.signal, beforeSend: options?.beforeSend }
}
