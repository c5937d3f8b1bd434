// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { StaleWriterError } from '../errors.ts'
import { WIDGET, WIDGETS_PATH, widget, type Widget } from '../loop/test-kind.ts'
import {
  isAlreadyExists,
  isConflict,
  isExpired,
  isForbidden,
  isInvalid,
  isNotFound,
  isTooManyRequests,
  isUnreachable,
} from './errors.ts'
import { FakeApiserver } from './fake-apiserver.ts'
import { HttpKubeClient } from './http-client.ts'
import type { PageOptions } from './client.ts'
import type { KubeObject, ResourceKind } from './object.ts'
import { continueOf, pagesOf } from './pages.ts'
import { collectionPath, objectPath } from './paths.ts'
import { linesOf } from './watch-lines.ts'

/** What the promise was rejected with. */
function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

const ref = { namespace: 'one', name: 'a' }

describe('paths', () => {
  test.each(['../../secrets/x', 'a/b', 'a?watch=1', 'a#b', 'a%2Fb', 'a b'])('%j stays one segment', (name) => {
    const path = objectPath(WIDGET, { namespace: 'one', name })
    expect(path.startsWith(`${collectionPath(WIDGET, 'one')}/`)).toBe(true)
    expect(new URL(path, 'http://x').pathname.split('/')).toHaveLength(8)
  })
  test.each(['', '.', '..'])('%j is refused', (name) => {
    expect(() => objectPath(WIDGET, { namespace: 'one', name })).toThrow(TypeError)
    expect(() => collectionPath(WIDGET, name === '' ? '..' : name)).toThrow(TypeError)
  })
  test('a namespaced object needs its namespace', () => {
    expect(() => objectPath(WIDGET, { name: 'a' })).toThrow('namespace')
  })
})

describe('linesOf', () => {
  async function split(...chunks: Buffer[]): Promise<string[]> {
    const lines = []
    for await (const line of linesOf(chunksOf(chunks))) lines.push(line)
    return lines
  }
  async function* chunksOf(chunks: Buffer[]) {
    yield* chunks
  }
  test('cuts anywhere, also inside a character, and drops what was cut off', async () => {
    const bytes = Buffer.from('{"a":"ü€"}\n\n{"b":1}\n{"cut":')
    for (let i = 1; i < bytes.length; i++) {
      expect(await split(bytes.subarray(0, i), bytes.subarray(i))).toEqual(['{"a":"ü€"}', '{"b":1}'])
    }
    expect(await split(...[...bytes].map((b) => Buffer.from([b])))).toEqual(['{"a":"ü€"}', '{"b":1}'])
  })
})

describe('HttpKubeClient', () => {
  let server: FakeApiserver
  let client: HttpKubeClient
  const samples: { verb: string; code: number }[] = []
  beforeEach(async () => {
    server = new FakeApiserver()
    await server.start()
    samples.length = 0
    client = new HttpKubeClient(server.kubeConfig(), { onRequest: ({ verb, code }) => samples.push({ verb, code }) })
  })
  afterEach(async () => {
    await client.close()
    await server.stop()
  })

  test('writes and reads, each with its verb', async () => {
    const made = await client.create<Widget>(WIDGET, widget('a'))
    const updated = await client.updateStatus<Widget>(WIDGET, { ...made, status: { size: 1 } })
    expect(await client.get<Widget>(WIDGET, ref)).toMatchObject({ status: { size: 1 }, spec: { size: 1 } })
    const held = await client.patchFinalizers(WIDGET, updated, ['x/y'])
    await client.remove(WIDGET, ref, { preconditions: { uid: made.metadata.uid } })
    expect((await client.get<Widget>(WIDGET, ref)).metadata.deletionTimestamp).toBeDefined()
    expect(isConflict(await failureOf(client.patchFinalizers(WIDGET, held, [])))).toBe(true)
    await client.patchFinalizers(WIDGET, await client.get<Widget>(WIDGET, ref), [])
    expect(await client.find(WIDGET, ref)).toBeUndefined()
    await client.remove(WIDGET, ref)
    expect(samples.map((s) => s.verb)).toContain('updateStatus')
  })

  test('pages a list', async () => {
    for (let i = 0; i < 7; i++) server.store.create(WIDGETS_PATH, widget(`w${i}`) as Widget)
    const page = await client.listPage<Widget>(WIDGET, { limit: 3 })
    expect([page.items.length, page.metadata.continue !== undefined]).toEqual([3, true])
    expect((await client.list<Widget>(WIDGET, { namespace: 'one' })).length).toBe(7)
    expect(await client.list<Widget>(WIDGET, { namespace: 'two' })).toEqual([])
  })

  test('asks for the next page while one is used, and for no more', async () => {
    for (let i = 0; i < 9; i++) server.store.create(WIDGETS_PATH, widget(`w${i}`) as Widget)
    const answers: Promise<unknown>[] = []
    const counting: Pick<HttpKubeClient, 'listPage'> = {
      listPage: <T extends KubeObject>(kind: ResourceKind, options?: PageOptions) => {
        const answer = client.listPage<T>(kind, options)
        answers.push(answer)
        return answer
      },
    }
    const seen: [items: number, asked: number][] = []
    for await (const { items } of pagesOf<Widget>(counting, WIDGET, { limit: 3 }))
      seen.push([items.length, answers.length])
    expect(seen).toEqual([
      [3, 2],
      [3, 3],
      [3, 3],
    ])
    answers.length = 0
    // Left before its end: what is under way may fail unheard. Who stays is told.
    for (const isLeft of [true, false]) {
      server.failNext(({ query }) => query['continue'] !== undefined, 410, 'Expired')
      const pages = pagesOf<Widget>(counting, WIDGET, { limit: 3 })
      await pages.next()
      if (isLeft) await pages.return()
      else expect(isExpired(await failureOf(pages.next()))).toBe(true)
      const states = (await Promise.allSettled(answers.splice(0))).map(({ status }) => status)
      expect(states).toEqual(['fulfilled', 'rejected'])
    }
  })

  test.each([
    [
      '{"items":[{"metadata":{"name":"a"}}],"kind":"WidgetList","metadata":{"continue":"abc","resourceVersion":"1"}}\n',
      'abc',
    ],
    ['{"items":[],"metadata":{"continue":"","resourceVersion":"1"}}', undefined],
    ['{"items":[],"metadata":{"resourceVersion":"1"}}', undefined],
    ['{"kind":"NodeList","metadata":{"continue":"abc"},"items":[{"metadata":{"continue":"b"}}]}', undefined],
    [JSON.stringify({ items: [{ spec: '"metadata":{"continue":"b"}}' }] }), undefined],
  ])('%s continues at %s', (text, token) => {
    expect(continueOf(text)).toBe(token)
  })

  test.each([
    [404, 'NotFound', isNotFound],
    [409, 'Conflict', isConflict],
    [409, 'AlreadyExists', isAlreadyExists],
    [410, 'Expired', isExpired],
    [403, 'Forbidden', isForbidden],
    [422, 'Invalid', isInvalid],
    [429, 'TooManyRequests', isTooManyRequests],
  ] as const)('%i %s is told apart', async (code, reason, is) => {
    server.failNext(() => true, code, reason, { 'retry-after': '3' })
    const error = await client.get(WIDGET, ref).catch((e: unknown) => e)
    expect(is(error)).toBe(true)
    expect(error).toMatchObject({ code, retryAfterMs: 3000, message: expect.stringContaining('fake: ') })
    const others = [
      isNotFound,
      isConflict,
      isAlreadyExists,
      isExpired,
      isForbidden,
      isInvalid,
      isTooManyRequests,
      isUnreachable,
    ]
    expect(others.filter((other) => other(error))).toEqual([is])
  })

  test('a refused connection and a time-out are unreachable, not "not found"', async () => {
    server.frozen = true
    const slow = client.find(WIDGET, ref, { timeoutMs: 50 })
    expect(isUnreachable(await failureOf(slow))).toBe(true)
    await server.stop()
    expect(isUnreachable(await failureOf(client.find(WIDGET, ref)))).toBe(true)
    expect(samples.map((s) => s.code)).toEqual([0, 0])
    await server.start()
  })

  test('a kept connection that was cut is tried once more for reads, never for writes', async () => {
    server.store.create(WIDGETS_PATH, widget('a') as Widget)
    server.cutNext((r) => r.method === 'GET')
    expect((await client.get<Widget>(WIDGET, ref)).metadata.name).toBe('a')
    server.cutNext((r) => r.method === 'POST')
    expect(isUnreachable(await failureOf(client.create<Widget>(WIDGET, widget('b'))))).toBe(true)
    expect(server.requests.filter((r) => r.method === 'POST')).toHaveLength(1)
  })

  test('an abort gives the caller its own reason', async () => {
    server.frozen = true
    const abort = new AbortController()
    const asked = client.get(WIDGET, ref, { signal: abort.signal })
    abort.abort(new Error('mine'))
    await expect(asked).rejects.toThrow('mine')
  })

  test('beforeSend stops a request from leaving', async () => {
    const beforeSend = () => {
      throw new StaleWriterError('no')
    }
    await expect(client.create<Widget>(WIDGET, widget('a'), { beforeSend })).rejects.toThrow(StaleWriterError)
    expect(server.requests).toEqual([])
  })

  test('a status without a resourceVersion is refused here', () => {
    const object = { ...widget('a'), metadata: { ...ref, uid: 'u', resourceVersion: '' }, status: {} } as Widget
    expect(() => client.updateStatus(WIDGET, object)).toThrow('resourceVersion')
  })

  test('a watch brings events and bookmarks, and ends in silence only after its limit', async () => {
    const seen: string[] = []
    const options = { resourceVersion: '1000', timeoutSeconds: 30, idleTimeoutMs: 300 }
    const watching = (async () => {
      for await (const event of client.watch<Widget>(WIDGET, options)) seen.push(event.type)
    })()
    while (server.watchCount === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    server.store.create(WIDGETS_PATH, widget('a') as Widget)
    server.bookmark()
    const startedAt = performance.now()
    server.frozen = true
    expect(isUnreachable(await failureOf(watching))).toBe(true)
    expect(performance.now() - startedAt).toBeGreaterThan(200)
    expect(seen).toEqual(['ADDED', 'BOOKMARK'])
  })
})
