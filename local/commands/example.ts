// SPDX-License-Identifier: Apache-2.0
// examples/first-machine on this cloud: where the example leaves room for what differs from one cloud to the next (the image
// server's address and the digest of the image that was built here), a copy is filled in and that copy is applied.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { addressesOf } from '../cloud/definition.ts'
import { IMAGE_PORT, REPOSITORY } from '../cloud/layout.ts'
import type { Cloud } from '../cloud/cloud.ts'
import { ensureKey } from './ssh.ts'

export interface ExampleFacts {
  url: string
  sha256: string
  publicKey: string
}

/**
 * Pure: the example's text with the source and digest of each Image and the key of each KeyPair replaced; comments and everything
 * else stay. @throws when the text is no YAML
 */
export function withFacts(text: string, facts: ExampleFacts): string {
  return parseAllDocuments(text)
    .map((document, i) => {
      if (document.errors[0]) throw document.errors[0]
      if (document.get('kind') === 'Image') {
        document.setIn(['spec', 'source', 'http', 'url'], facts.url)
        document.setIn(['spec', 'sha256'], facts.sha256)
      }
      if (document.get('kind') === 'KeyPair') document.setIn(['spec', 'publicKey'], facts.publicKey)
      if (document.directives) document.directives.docStart = i > 0 ? true : null
      return String(document)
    })
    .join('')
}

/** Writes the copy; the result is its folder. `sha256` is that of the guest image that this cloud serves. */
export async function renderExample(
  { cloud, sha256 }: { cloud: Cloud; sha256: string },
  example: string,
): Promise<string> {
  const source = join(REPOSITORY, 'examples', example)
  const target = join(cloud.layout.examples, example)
  const url = `http://${addressesOf(cloud.state.subnet).host}:${IMAGE_PORT}/guest.qcow2`
  const publicKey = await ensureKey(cloud)
  await rm(target, { recursive: true, force: true })
  await mkdir(target, { recursive: true })
  for (const file of (await readdir(source)).filter((f) => f.endsWith('.yaml')).sort()) {
    const text = await readFile(join(source, file), 'utf8')
    await writeFile(join(target, file), withFacts(text, { url, sha256, publicKey }))
  }
  return target
}
