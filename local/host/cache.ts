// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where what is built once is kept: outside the tree, so that a fresh clone or `git clean` does not build it again. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env['NEPHELE_CACHE']) return env['NEPHELE_CACHE']
  return join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'nephele')
}

/** A short name for what exactly these parts build: another part, another name. */
export function definitionHash(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) {
    const bytes = Buffer.from(part)
    // The length keeps ['ab','c'] and ['a','bc'] apart.
    hash.update(`${bytes.length}:`).update(bytes)
  }
  return hash.digest('hex').slice(0, 16)
}
