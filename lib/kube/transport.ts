// SPDX-License-Identifier: Apache-2.0
import { request, type Dispatcher } from 'undici'
import { StaleWriterError } from '../errors.ts'
import type { Connections } from './connection.ts'
import { ApiError, UnreachableError, type StatusDetails } from './errors.ts'

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With query. */
  path: string
  body?: object
  contentType?: string
  timeoutMs: number
  signal?: AbortSignal | undefined
  beforeSend?: (() => void) | undefined
  /** The whole body of a successful response, before it is parsed. */
  onText?: ((text: string) => void) | undefined
}

/** JSON over HTTP to the apiserver: the one place that turns responses and failures into ApiError and UnreachableError. */
export class Transport {
  readonly #connections: Connections
  constructor(connections: Connections) {
    this.#connections = connections
  }

  /** @throws ApiError, UnreachableError; the signal's reason when the caller aborted */
  async json<T>(options: HttpRequest): Promise<T> {
    try {
      return await this.#json<T>(options)
    } catch (error) {
      // The server closed a kept connection meanwhile: a read can safely be repeated, and the second attempt opens a new connection.
      const again = options.method === 'GET' && error instanceof UnreachableError && isClosedConnection(error.cause)
      if (!again) throw error
      return this.#json<T>(options)
    }
  }

  async #json<T>(options: HttpRequest): Promise<T> {
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(new Error(`no answer in ${options.timeoutMs} ms`)), options.timeoutMs)
    const stop = follow(options.signal, deadline)
    try {
      const response = await this.#send(options, deadline.signal, 'requests')
      const text = await response.body.text()
      if (response.statusCode >= 400) throw this.#apiError(options, response, text)
      options.onText?.(text)
      return JSON.parse(text) as T
    } catch (error) {
      throw this.#classify(options, error)
    } finally {
      clearTimeout(timer)
      stop()
    }
  }

  /**
   * The body as it arrives. Ends when the server ends it; throws UnreachableError when nothing arrives for `timeoutMs`, so the server must
   * send something within it (a bookmark, or the end of the watch).
   */
  async *stream(options: HttpRequest): AsyncGenerator<Buffer, void> {
    const abort = new AbortController()
    const stop = follow(options.signal, abort)
    const idle = (): void => abort.abort(new Error(`nothing received for ${options.timeoutMs} ms`))
    let timer = setTimeout(idle, options.timeoutMs)
    try {
      const response = await this.#send(options, abort.signal, 'watches')
      if (response.statusCode >= 400) throw this.#apiError(options, response, await response.body.text())
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        clearTimeout(timer)
        yield chunk
        timer = setTimeout(idle, options.timeoutMs)
      }
    } catch (error) {
      throw this.#classify(options, error)
    } finally {
      clearTimeout(timer)
      stop()
      abort.abort()
    }
  }

  async #send(
    options: HttpRequest,
    signal: AbortSignal,
    pool: 'requests' | 'watches',
  ): Promise<Dispatcher.ResponseData> {
    const connection = await this.#connections.current()
    signal.throwIfAborted()
    options.beforeSend?.()
    return request(connection.origin + connection.basePath + options.path, {
      dispatcher: connection[pool],
      method: options.method,
      headers: {
        ...connection.headers,
        accept: 'application/json',
        ...(options.body ? { 'content-type': options.contentType ?? 'application/json' } : {}),
      },
      body: options.body ? JSON.stringify(options.body) : null,
      signal,
      // The time limits are ours: undici's would end watches.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  #apiError(options: HttpRequest, response: Dispatcher.ResponseData, text: string): ApiError {
    if (response.statusCode === 401) this.#connections.expire()
    const status = parseStatus(text)
    const header = Number(response.headers['retry-after'])
    const seconds = Number.isFinite(header) && header >= 0 ? header : status.details?.retryAfterSeconds
    return new ApiError(
      describe(options),
      response.statusCode,
      status,
      seconds === undefined ? undefined : seconds * 1000,
    )
  }

  #classify(options: HttpRequest, error: unknown): unknown {
    if (error instanceof ApiError || error instanceof StaleWriterError || options.signal?.aborted) return error
    return new UnreachableError(describe(options), error)
  }
}

function describe(options: HttpRequest): string {
  return `${options.method} ${options.path.split('?')[0] ?? ''}`
}

function parseStatus(text: string): StatusDetails {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return { message: text.slice(0, 200) } // a proxy's own page, or "too many requests" as plain text
  }
}

/** Aborts `controller` with `signal`; the returned function unsubscribes from the signal, which may live as long as the process. */
function follow(signal: AbortSignal | undefined, controller: AbortController): () => void {
  if (!signal) return () => undefined
  if (signal.aborted) controller.abort(signal.reason)
  const onAbort = (): void => controller.abort(signal.reason)
  signal.addEventListener('abort', onAbort)
  return () => signal.removeEventListener('abort', onAbort)
}

function isClosedConnection(cause: unknown): boolean {
  const code = (cause as { code?: unknown } | undefined)?.code
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
}
