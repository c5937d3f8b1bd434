// SPDX-License-Identifier: Apache-2.0
// A fake apiserver over real HTTP, for faults that a real one cannot be made to produce. The common behaviour is checked by running the
// informer's and the loop's tests against both.
import { KubeConfig } from '@kubernetes/client-node'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { FakeRefusal, FakeStore, type FakeEvent } from './fake-store.ts'
import { keyOfRef, type KubeObject } from './object.ts'

export interface FakeRequest {
  method: string
  path: string
  query: Record<string, string>
}

interface Fault {
  matches: (request: FakeRequest) => boolean
  answer: (response: ServerResponse) => void
}

export class FakeApiserver {
  readonly store = new FakeStore()
  /** All requests so far. */
  readonly requests: FakeRequest[] = []
  readonly #faults: Fault[] = []
  readonly #watchers = new Set<ServerResponse>()
  /** Connections stay open, but nothing is sent: how a half-open connection looks to the client. */
  frozen = false
  readonly #server = createServer((request, response) => void this.#serve(request, response))

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }

  kubeConfig(): KubeConfig {
    const config = new KubeConfig()
    const server = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    config.loadFromClusterAndUser({ name: 'fake', server, skipTLSVerify: true }, { name: 'fake' })
    return config
  }

  /** The next matching request fails; several are used up in order. */
  failNext(
    matches: (request: FakeRequest) => boolean,
    code: number,
    reason: string,
    headers: Record<string, string> = {},
  ): void {
    this.#faults.push({ matches, answer: (response) => answer(response, code, toStatus(code, reason), headers) })
  }

  /** The next matching request gets no answer, and its connection is cut. */
  cutNext(matches: (request: FakeRequest) => boolean): void {
    this.#faults.push({ matches, answer: (response) => response.destroy() })
  }

  /** Ends all watches: `abrupt` like a crash, otherwise like a time limit. */
  endWatches(abrupt: boolean): void {
    for (const watcher of this.#watchers) {
      if (abrupt) watcher.destroy()
      else watcher.end()
    }
    this.#watchers.clear()
  }

  /** Forgets the history: older watches get 410 (at their start, or as an ERROR event when they are open). */
  compact(): void {
    this.store.compactedTo = this.store.version
    for (const watcher of this.#watchers)
      watcher.end(`${JSON.stringify({ type: 'ERROR', object: toStatus(410, 'Expired') })}\n`)
    this.#watchers.clear()
  }

  bookmark(): void {
    const object = { metadata: { resourceVersion: String(this.store.version) } }
    for (const watcher of this.#watchers) watcher.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`)
  }

  get watchCount(): number {
    return this.#watchers.size
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', 'http://fake')
    const request = { method: incoming.method ?? '', path: url.pathname, query: Object.fromEntries(url.searchParams) }
    this.requests.push(request)
    const body = await readBody(incoming)
    if (this.frozen) return
    const fault = this.#faults.findIndex((f) => f.matches(request))
    if (fault >= 0) {
      this.#faults.splice(fault, 1)[0]?.answer(response)
      return
    }
    try {
      this.#route(request, body, response)
    } catch (error) {
      const refusal = error instanceof FakeRefusal ? error : new FakeRefusal(500, String(error))
      answer(response, refusal.code, toStatus(refusal.code, refusal.reason))
    }
  }

  #route(request: FakeRequest, body: KubeObject | undefined, response: ServerResponse): void {
    const { collection, namespace, name, subresource } = parsePath(request.path)
    if (name === undefined) {
      if (request.method === 'POST' && body) {
        answer(response, 201, this.store.create(collection, body))
        return
      }
      if (request.query['watch']) {
        this.#watch(collection, request, response)
        return
      }
      answer(response, 200, this.#list(collection, namespace, request))
      return
    }
    const key = keyOfRef({ namespace, name })
    switch (request.method) {
      case 'GET': {
        answer(response, 200, this.store.get(collection, key))
        return
      }
      case 'PUT': {
        answer(response, 200, this.store.update(collection, body ?? { metadata: emptyMeta }, subresource === 'status'))
        return
      }
      case 'PATCH': {
        const merged = mergePatch(structuredClone(this.store.get(collection, key)), body) as KubeObject
        const version = body?.metadata?.resourceVersion
        merged.metadata.resourceVersion = version ?? ''
        answer(response, 200, this.store.update(collection, merged, false))
        return
      }
      case 'DELETE': {
        answer(response, 200, this.store.delete(collection, key))
        return
      }
      default:
        throw new FakeRefusal(405, 'MethodNotAllowed')
    }
  }

  #list(collection: string, namespace: string | undefined, request: FakeRequest): object {
    const all = [...this.store.collection(collection).values()].filter(
      (o) => !namespace || o.metadata.namespace === namespace,
    )
    const [start, version] = (request.query['continue'] ?? `0:${this.store.version}`).split(':').map(Number)
    if (start === undefined || version === undefined) throw new FakeRefusal(400, 'BadRequest')
    if (request.query['continue'] && version < this.store.compactedTo) throw new FakeRefusal(410, 'Expired')
    const limit = Number(request.query['limit'] ?? 0) || all.length
    const end = start + limit
    const more = end < all.length ? { continue: `${end}:${version}` } : {}
    // In the real apiserver's order.
    return { items: all.slice(start, end), metadata: { ...more, resourceVersion: String(version) } }
  }

  #watch(collection: string, request: FakeRequest, response: ServerResponse): void {
    const from = Number(request.query['resourceVersion'])
    if (from < this.store.compactedTo) throw new FakeRefusal(410, 'Expired')
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    const send = (event: FakeEvent): void => {
      if (event.collection !== collection || event.version <= from) return
      if (this.frozen || response.writableEnded) return
      response.write(`${JSON.stringify({ type: event.type, object: event.object })}\n`)
    }
    this.store.history.forEach(send)
    const stop = this.store.onEvent(send)
    this.#watchers.add(response)
    const timer = setTimeout(() => !this.frozen && response.end(), Number(request.query['timeoutSeconds']) * 1000)
    response.on('close', () => {
      stop()
      clearTimeout(timer)
      this.#watchers.delete(response)
    })
  }
}

const emptyMeta = { name: '', uid: '', resourceVersion: '' }

function parsePath(path: string): { collection: string; namespace?: string; name?: string; subresource?: string } {
  const match =
    /^(\/apis\/[^/]+\/[^/]+|\/api\/v1)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path)
  if (!match) throw new FakeRefusal(404, 'NotFound')
  const [, root, namespace, plural, name, subresource] = match.map((part) =>
    part === undefined ? part : decodeURIComponent(part),
  )
  return {
    collection: `${root ?? ''}/${plural ?? ''}`,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  }
}

/** RFC 7386. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const result =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? (target as Record<string, unknown>) : {}
  const merged: Record<string, unknown> = { ...result }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(merged, key)
    else merged[key] = mergePatch(merged[key], value)
  }
  return merged
}

async function readBody(request: IncomingMessage): Promise<KubeObject | undefined> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return chunks.length === 0 ? undefined : (JSON.parse(Buffer.concat(chunks).toString()) as KubeObject)
}

function toStatus(code: number, reason: string): object {
  return { kind: 'Status', code, reason, message: `fake: ${reason}`, metadata: {} }
}

function answer(response: ServerResponse, code: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}
