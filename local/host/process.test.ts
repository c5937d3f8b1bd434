// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endProcess, isRunning, signalProcess, startProcess, startTimeOf } from './process.ts'
import { waitUntil } from './wait.ts'

describe('processes', () => {
  test('another start time is another process', () => {
    const startTime = startTimeOf(process.pid) ?? -1
    expect(isRunning({ pid: process.pid, startTime })).toBe(true)
    const other = { pid: process.pid, startTime: startTime - 1 }
    expect(isRunning(other)).toBe(false)
    expect(signalProcess(other, 'SIGKILL')).toBe(false)
  })

  test('a started process logs, ends when told, and may be ended twice', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'nephele-process-'))
    try {
      const logFile = join(dir, 'log', 'x.log')
      const argv = ['sh', '-c', 'echo started; trap "" TERM; while :; do sleep 0.05; done'] as const
      const started = await startProcess({ name: 'x', argv: [...argv], logFile, endsWithUs: false })
      await waitUntil('its output', () => readFileSync(logFile, 'utf8').includes('started'), { timeoutMs: 5000 })
      await endProcess(started, 100)
      expect(isRunning(started)).toBe(false)
      await endProcess(started)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })

  test('waiting for a process that died tells the end of its log', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'nephele-process-'))
    try {
      const logFile = join(dir, 'x.log')
      const argv: [string, ...string[]] = ['sh', '-c', 'echo the reason']
      const started = await startProcess({ name: 'x', argv, logFile, endsWithUs: false })
      const waiting = waitUntil('x to serve', () => false, { timeoutMs: 5000, process: started })
      await expect(waiting).rejects.toThrow(/x to serve: x ended[^]*the reason/)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
})
