// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { readFile } from 'node:fs/promises'
import { agentEnvironment } from '../../local/cloud/processes.ts'
import { FILE_THREADS, whyTooFewThreads } from './file-threads.ts'

test.each([
  [undefined, false],
  ['', false],
  ['4', false],
  [String(FILE_THREADS), true],
  ['128', true],
])('started with %s: enough %s', (size, isEnough) => {
  expect(whyTooFewThreads(size === undefined ? {} : { UV_THREADPOOL_SIZE: size }) === undefined).toBe(isEnough)
})

test('whoever starts an agent gives it enough threads before it begins', async () => {
  expect(whyTooFewThreads(agentEnvironment({ name: 'n1', index: 1 }, 7))).toBeUndefined()
  const dockerfile = await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8')
  const agent = /AS agent\n[\s\S]*?(?:\nFROM |$)/.exec(dockerfile)?.[0] ?? ''
  expect(agent).toContain(`UV_THREADPOOL_SIZE=${FILE_THREADS}`)
})
