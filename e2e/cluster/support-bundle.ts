// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join, relative } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { programPath } from '../../local/build/programs.ts'
import { REPOSITORY } from '../../local/cloud/layout.ts'
import { NAMESPACE } from '../../local/services/tokens.ts'
import { waitUntilTrue } from '../harness/wait.ts'
import { kubectl, type TestEnvironment } from './harness.ts'

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
    return await unpack(archive, cwd)
  } finally {
    await rm(cwd, { recursive: true, force: true })
  }
}

/** One that the Job of the chart makes, fetched from its pod as its log says. */
export async function readBundleOfJob(env: TestEnvironment): Promise<Map<string, string>> {
  const cwd = await mkdtemp(join(tmpdir(), 'nephele-bundle-'))
  const inNamespace = (...argv: string[]) => kubectl(env, ['-n', NAMESPACE, ...argv])
  try {
    await inNamespace('create', 'job', '--from=cronjob/nephele-support-bundle', 'bundle')
    const log = () => inNamespace('logs', 'job/bundle').catch(() => '')
    const said = await waitUntilTrue(
      'the Job’s bundle',
      async () => {
        const lines = await log()
        return lines.includes('and then:') ? lines : undefined
      },
      60_000,
    )
    const [, from = '', file = ''] = /kubectl cp -n \S+ (\S+) (\S+)/.exec(said) ?? []
    const archive = join(cwd, file)
    await inNamespace('cp', from, archive)
    return await unpack(archive, cwd)
  } finally {
    await inNamespace('delete', 'job', 'bundle', '--ignore-not-found', '--wait=false')
    await rm(cwd, { recursive: true, force: true })
  }
}

/** @returns its files by their paths below its top */
async function unpack(archive: string, cwd: string): Promise<Map<string, string>> {
  await exec(['tar', '--extract', '--file', archive, '--directory', cwd], { timeoutMs: 30_000 })
  const top = join(cwd, basename(archive, '.tar.gz'))
  const files = (await readdir(top, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const read = async ({ parentPath, name }: (typeof files)[number]): Promise<[string, string]> => {
    const file = join(parentPath, name)
    return [relative(top, file), await readFile(file, 'utf8')]
  }
  return new Map(await Promise.all(files.map(read)))
}
