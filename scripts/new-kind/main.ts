// SPDX-License-Identifier: Apache-2.0
// `npm run new-kind -- NAME [--cluster]`: all that a kind needs to compile, and tests that say what it lacks. docs/how-to-add-a-kind.md.
import { parseArgs } from 'node:util'
import { addKind } from './add-kind.ts'
import { ROOT } from '../generated-files.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { cluster: { type: 'boolean', default: false } },
})
const [kind, ...more] = positionals
if (kind === undefined || more.length > 0) {
  process.stderr.write('write: npm run new-kind -- NAME [--cluster], NAME as in FloatingIP\n')
  process.exit(2)
}
const { names, made, changed } = await addKind(ROOT, kind, values.cluster).catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exit(1)
})
process.stdout.write(
  [
    ...made.map((path) => `made     ${path}`),
    ...changed.map((path) => `changed  ${path}`),
    '',
    'Left to do (docs/how-to-add-a-kind.md):',
    `- crds/${names.plural}.yaml: its fields, and the sample in crds/suite/samples.ts; npm run generate after each change`,
    `- operator/controllers/${names.folder}/: kind.ts (what it names), reconcile.ts and what reconcile.test.ts asks for`,
    `- what the tests name: npm run test:unit -- crds/ scripts/ operator/controllers/${names.folder}/ operator/controllers/held-kinds`,
    '',
  ].join('\n'),
)
await import('../generate.ts')
