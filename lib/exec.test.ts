// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { exec, ExecError } from './exec.ts'

const node = process.execPath

describe('exec', () => {
  test('passes arguments untouched and gives the output', async () => {
    const hostile = '$(touch /tmp/x); `id` "quoted" \n'
    const script = 'process.stdout.write(process.argv[1])'
    expect((await exec([node, '-e', script, hostile], { timeoutMs: 10_000 })).stdout).toBe(hostile)
  })

  test('feeds standard input', async () => {
    const script = 'process.stdin.pipe(process.stdout)'
    expect((await exec([node, '-e', script], { timeoutMs: 10_000, input: 'abc' })).stdout).toBe('abc')
  })

  test('a failure carries argv, code and the last lines of stderr', async () => {
    const run = exec([node, '-e', 'console.error("a\\nb\\nc\\nd"); process.exit(3)'], { timeoutMs: 10_000 })
    const error = await run.catch((e: unknown) => e)
    expect(error).toBeInstanceOf(ExecError)
    expect(error).toMatchObject({ exitCode: 3, timedOut: false, message: expect.stringContaining('b | c | d') })
  })

  test('a program that does not exist did not run', async () => {
    const error = await exec(['/nonexistent/program'], { timeoutMs: 1000 }).catch((e: unknown) => e)
    expect(error).toMatchObject({ exitCode: null, message: expect.stringContaining('did not run') })
  })

  test('is killed at its deadline', async () => {
    const error = await exec([node, '-e', 'setInterval(() => {}, 1000)'], { timeoutMs: 200 }).catch((e: unknown) => e)
    expect(error).toMatchObject({ timedOut: true })
  })

  test('is killed by its signal', async () => {
    const abort = new AbortController()
    const run = exec([node, '-e', 'setInterval(() => {}, 1000)'], { timeoutMs: 10_000, signal: abort.signal })
    abort.abort()
    await expect(run).rejects.toMatchObject({ name: 'AbortError' })
  })
})
