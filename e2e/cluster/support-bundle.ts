// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, relative } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { programPath } from '../../local/build/programs.ts'
import { REPOSITORY } from '../../local/cloud/layout.ts'
import type { TestEnvironment } from './harness.ts'

/** As `kubectl nephele support-bundle NODE ...` makes it, unpacked: text by path. */
export async function readSupportBundle(
  { cluster }: TestEnvironment,
  nodes: readonly string[],
): Promise<Map<string, string>> {
  const cwd = await mkdtemp(join(tmpdir(), 'nephele-bundle-'))
  try {
    const path = [dirname(await programPath('kubectl')), process.env['PATH']].join(delimiter)
    const env = { ...process.env, PATH: path, KUBECONFIG: cluster.kubeconfig, NODE_OPTIONS: '' }
    const argv = [process.execPath, join(REPOSITORY, 'cli/main.ts'), 'support-bundle', ...nodes] as const
    const { stdout } = await exec(argv, { cwd, env, timeoutMs: 120_000 })
    const archive = stdout.split('\n')[0] ?? ''
    await exec(['tar', '--extract', '--file', archive, '--directory', cwd], { timeoutMs: 30_000 })
    const top = archive.replace(/\.tar\.gz$/, '')
    const files = (await readdir(top, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
    const read = async ({ parentPath, name }: (typeof files)[number]): Promise<[string, string]> => {
      const file = join(parentPath, name)
      return [relative(top, file), await readFile(file, 'utf8')]
    }
    return new Map(await Promise.all(files.map(read)))
  } finally {
    await rm(cwd, { recursive: true, force: true })
  }
}
