// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createImageServer, parseRange } from './image-server.ts'

test.each([
  [undefined, undefined],
  ['bytes=0-4', { start: 0, end: 4 }],
  ['bytes=5-', { start: 5, end: 9 }],
  ['bytes=5-99', { start: 5, end: 9 }],
  ['bytes=-3', { start: 7, end: 9 }],
  ['bytes=-99', { start: 0, end: 9 }],
  ['bytes=10-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=4-2', undefined],
  ['bytes=0-1,3-4', undefined],
  ['bytes=-', undefined],
  ['lines=0-1', undefined],
])('range %j of ten bytes', (header, range) => expect(parseRange(header, 10)).toEqual(range))

describe('image server', () => {
  let dir: string, server: Server, base: string
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'nephele-images-'))
    mkdirSync(join(dir, 'served'))
    writeFileSync(join(dir, 'served', 'a.raw'), '0123456789')
    writeFileSync(join(dir, 'secret'), 'secret')
    server = createImageServer(join(dir, 'served'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
    rmSync(dir, { recursive: true, force: true })
  })

  test('a file, and a part of it while it is the same file', async () => {
    const whole = await fetch(`${base}/a.raw`)
    expect(await whole.text()).toBe('0123456789')
    const part = await fetch(`${base}/a.raw`, {
      headers: { range: 'bytes=3-4', 'if-range': whole.headers.get('etag')! },
    })
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 3-4/10', '34'])
    const other = await fetch(`${base}/a.raw`, { headers: { range: 'bytes=3-4', 'if-range': '"another"' } })
    expect([other.status, await other.text()]).toEqual([200, '0123456789'])
  })

  test.each(['/', '/../secret', '/%2e%2e%2fsecret', '/.hidden', '/none'])('%s is not found', async (path) => {
    expect((await fetch(base + path)).status).toBe(404)
  })

  test('nothing can be written', async () => {
    expect((await fetch(`${base}/a.raw`, { method: 'PUT', body: 'x' })).status).toBe(405)
  })
})
