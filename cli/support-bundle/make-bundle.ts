// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import type { Context } from '../command-line/command.ts'
import { BundleFolder } from './bundle-folder.ts'
import { collect } from './collect.ts'
import { describeBundle } from './describe-bundle.ts'
import type { PodAccess } from './pod-access.ts'

interface Wanted {
  /** Where the archive is written. */
  dir: string
  /** Whose own programs are asked, too. */
  nodes: readonly string[]
  pods: PodAccess
}

/** @returns the archive, and what could not be read */
export async function makeBundle(
  context: Pick<Context, 'client' | 'signal' | 'now' | 'progress'>,
  { dir, nodes, pods }: Wanted,
): Promise<{ archive: string; missing: readonly string[] }> {
  const { now, signal } = context
  // 20261130T123005Z, ISO 8601.
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, '')
  const name = `nephele-support-${stamp}`
  await using folder = await BundleFolder.create(name, signal)
  await collect({ ...context, pods }, folder, nodes)
  await folder.add('README.txt', () => Promise.resolve(describeBundle({ now, nodes, missing: folder.missing })))
  const archive = join(dir, `${name}.tar.gz`)
  await folder.pack(archive)
  return { archive, missing: folder.missing }
}
