// SPDX-License-Identifier: Apache-2.0
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { parse } from 'yaml'
import { renderKindFiles } from './files.ts'
import { listKindLines } from './lines.ts'
import { namesOf, type KindNames } from './names.ts'

export interface Added {
  names: KindNames
  /** Paths below the root. */
  made: string[]
  changed: string[]
}

interface Definition {
  spec: { names: { kind: string; shortNames: string[] } }
}

/**
 * Writes what a kind needs by hand into the repository at `root`; nothing, when the kind is there already.
 * @throws when it is there, or when its name is none
 */
export async function addKind(root: string, kind: string, isCluster: boolean): Promise<Added> {
  const read = (path: string) => readFile(join(root, path), 'utf8')
  const paths = (await readdir(join(root, 'crds'))).filter((name) => name.endsWith('.yaml'))
  const others = await Promise.all(
    paths.map(async (name) => (parse(await read(`crds/${name}`)) as Definition).spec.names),
  )
  if (others.some((other) => other.kind.toLowerCase() === kind.toLowerCase()))
    throw new Error(`there is a ${kind} in crds/ already`)
  const names = namesOf(
    kind,
    isCluster,
    others.flatMap(({ shortNames }) => shortNames),
  )
  const files = renderKindFiles(names, await read('crds/keypairs.yaml'))
  const lines = listKindLines(names)
  const texts = new Map(files)
  for (const [path, change] of lines) texts.set(path, change(await read(path)))
  // Only now, so that a file that is not as expected leaves all of them as they were.
  for (const [path, text] of texts) await write(join(root, path), text)
  return { names, made: [...files.keys()], changed: [...lines.keys()] }
}

async function write(path: string, text: string): Promise<void> {
  const style = await resolveConfig(join(import.meta.dirname, 'add-kind.ts'))
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, await format(text, { ...style, filepath: path }))
}
