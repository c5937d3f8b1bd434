// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { stringify } from 'yaml'
import { createAuthority } from '../pki/authority.ts'
import { Connections } from './connection.ts'
import { loadKubeConfig } from './kubeconfig.ts'

describe('connections', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'nephele-kubeconfig-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  async function write(user: object, cluster: object = {}): Promise<string> {
    const path = join(dir, 'config')
    const config = {
      'current-context': 'c',
      clusters: [{ name: 'k', cluster: { server: 'https://127.0.0.1:6443/base/', ...cluster } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    }
    await writeFile(path, stringify(config))
    return path
  }

  test('keeps its pools, and makes new ones when the certificates change', async () => {
    await writeFile(join(dir, 'ca.crt'), 'one')
    const path = await write({ token: 't' }, { 'certificate-authority': 'ca.crt' })
    let nowMs = 0
    const connections = new Connections(loadKubeConfig(path), () => nowMs)
    const first = await connections.current()
    expect(first).toMatchObject({ origin: 'https://127.0.0.1:6443', basePath: '/base' })
    expect(first.headers['authorization']).toBe('Bearer t')
    nowMs += 11_000
    expect((await connections.current()).requests).toBe(first.requests)
    await writeFile(join(dir, 'ca.crt'), 'two')
    expect((await connections.current()).requests).toBe(first.requests)
    nowMs += 11_000
    expect((await connections.current()).requests).not.toBe(first.requests)
    await connections.close()
  })

  test('speaks HTTP/1.1 with a server that prefers HTTP/2', async () => {
    const { certificate, privateKey } = await createAuthority('test', 1, new Date())
    const versions: string[] = []
    const options = { cert: certificate, key: privateKey, allowHTTP1: true }
    const server = createSecureServer(options, (message, response) => {
      versions.push(message.httpVersion)
      response.end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const cluster = { server: `https://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true }
    const connections = new Connections(loadKubeConfig(await write({ token: 't' }, cluster)))
    const { origin, requests, watches } = await connections.current()
    for (const dispatcher of [requests, watches]) {
      const { body } = await request(origin, { dispatcher })
      await body.dump()
    }
    await connections.close()
    await new Promise((resolve) => server.close(resolve))
    expect(versions).toEqual(['1.1', '1.1'])
  })

  test('a token file is read, relative to the kubeconfig', async () => {
    await writeFile(join(dir, 'token'), 'from-file\n')
    const connections = new Connections(loadKubeConfig(await write({ tokenFile: 'token' })))
    expect((await connections.current()).headers['authorization']).toBe('Bearer from-file')
    await connections.close()
  })

  test('a kubeconfig without a cluster is refused at once', async () => {
    const path = join(dir, 'empty')
    await writeFile(path, stringify({ clusters: [], users: [], contexts: [] }))
    expect(() => loadKubeConfig(path)).toThrow('cluster')
  })
})
