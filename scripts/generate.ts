// SPDX-License-Identifier: Apache-2.0
// `npm run generate`: writes everything that is made from crds/*.yaml.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { listStrays, renderGeneratedFiles, ROOT } from './generated-files.ts'

const files = await renderGeneratedFiles()
for (const stray of await listStrays(files)) await rm(join(ROOT, stray))
for (const [path, content] of files) {
  await mkdir(dirname(join(ROOT, path)), { recursive: true })
  await writeFile(join(ROOT, path), content)
}
process.stdout.write(`wrote ${files.size} files\n`)
