// SPDX-License-Identifier: Apache-2.0
// `npm run verify`: fails when a generated file is missing, stale, edited or left over.
import { findStale, renderGeneratedFiles } from './generated-files.ts'

const files = await renderGeneratedFiles()
const wrong = await findStale(files)
if (wrong.length > 0) {
  const list = wrong.map((path) => `  ${path}\n`).join('')
  process.stderr.write(`these files are not what crds/ makes; run \`npm run generate\`:\n${list}`)
  process.exit(1)
}
process.stdout.write(`${files.size} generated files are up to date\n`)
