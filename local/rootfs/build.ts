// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { cacheDir, definitionHash } from '../host/cache.ts'
import { logTail } from '../host/wait.ts'
import { mmdebstrapArguments } from './definition.ts'

/** Where this definition's root file system is or will be. */
export function rootfsDir(morePackages: readonly string[] = []): string {
  return join(cacheDir(), 'rootfs', definitionHash(mmdebstrapArguments('', morePackages)))
}

/**
 * The root file system of the nodes: built once (about half a minute, 540 MB), found from then on.
 * Complete or absent: it is built beside its place and renamed.
 */
export async function ensureRootfs(signal?: AbortSignal, morePackages: readonly string[] = []): Promise<string> {
  const dir = rootfsDir(morePackages)
  if (existsSync(dir)) return dir
  await mkdir(dirname(dir), { recursive: true })
  const building = `${dir}.${process.pid}.new`
  const logFile = `${dir}.log`
  try {
    await runLogged(['mmdebstrap', ...mmdebstrapArguments(building, morePackages)], logFile, signal)
    if (!existsSync(dir)) await rename(building, dir)
    return dir
  } finally {
    await rm(building, { recursive: true, force: true })
  }
}

async function runLogged(argv: readonly [string, ...string[]], logFile: string, signal?: AbortSignal): Promise<void> {
  const log = await open(logFile, 'w')
  try {
    const [file, ...args] = argv
    const child = spawn(file, args, { stdio: ['ignore', log.fd, log.fd], ...(signal ? { signal } : {}) })
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (code !== 0) throw new Error(`${file} failed with code ${code}; its log ${logFile} ends:\n${logTail(logFile)}`)
  } finally {
    await log.close()
  }
}
