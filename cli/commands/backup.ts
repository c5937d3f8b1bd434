// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { collect } from '../backup/collect.ts'
import { FORMAT_FILE, FORMAT_VERSION } from '../backup/layout.ts'
import { UsageError, type Command } from '../command-line/command.ts'

const PACK_MS = 10 * 60_000

export const backup: Command = {
  name: 'backup',
  usage: '[FILE]',
  summary: 'all objects with their status, at one moment, and the Secrets that they name, as an archive',
  arguments: { least: 0, most: 1 },
  async run(context, [file]) {
    // 20261130T123005Z, ISO 8601.
    const stamp = context.now.toISOString().replace(/[-:]|\.\d+/g, '')
    const archive = resolve(file ?? `nephele-backup-${stamp}.tar.gz`)
    await claim(archive)
    // Of mode 0700: nobody else reads what is not packed yet.
    const folder = await mkdtemp(join(tmpdir(), 'nephele-backup-'))
    let isWhole = false
    try {
      const add = async (path: string, text: string) => {
        await mkdir(dirname(join(folder, path)), { recursive: true })
        await writeFile(join(folder, path), text)
      }
      await add(FORMAT_FILE, FORMAT_VERSION)
      const found = await collect(context, add)
      const argv = [
        'tar',
        '--create',
        '--gzip',
        '--file',
        archive,
        '--directory',
        folder,
        'metadata',
        'resources',
      ] as const
      await exec(argv, { timeoutMs: PACK_MS })
      isWhole = true
      context.progress('')
      context.print(archive)
      context.print(`${found.objects} objects, of version ${found.resourceVersion} of the store`)
      if (found.secrets > 0) context.print(`Secrets in it: ${found.secrets}; whoever reads the archive has them`)
      for (const name of found.missing) context.print(`there is no Secret ${name}, which is named`)
      return 0
    } finally {
      await rm(folder, { recursive: true, force: true })
      if (!isWhole) await rm(archive, { force: true })
    }
  },
}

/** Makes the file, for its owner alone, before there is anything in it. @throws UsageError for one that is there */
async function claim(archive: string): Promise<void> {
  try {
    await (await open(archive, 'wx', 0o600)).close()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new UsageError(`${archive} is there already`)
  }
}
