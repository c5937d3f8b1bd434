// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

test('what ends it ends the program first, whose exit code it has', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'run-'))
  const program = join(folder, 'program.ts')
  await writeFile(
    program,
    `process.on('SIGTERM', () => { console.log('put away'); process.exit(7) })
     setTimeout(() => undefined, 3000)
     console.log('up')`,
  )
  const child = spawn(process.execPath, [join(import.meta.dirname, 'run.mjs'), program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said: string[] = []
  child.stdout.on('data', (chunk: Buffer) => {
    said.push(chunk.toString())
    if (chunk.toString().includes('up')) child.kill('SIGTERM')
  })
  const [code] = (await once(child, 'close')) as [number | null]
  expect(said.join('')).toBe('up\nput away\n')
  expect(code).toBe(7)
  await rm(folder, { recursive: true })
})
