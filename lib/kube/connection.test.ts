// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
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
