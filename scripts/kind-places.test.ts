// SPDX-License-Identifier: Apache-2.0
// Where a kind stands beside its own files and its row, which the compiler asks for. Says what to write, and in which file.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { SAMPLES } from '../crds/suite/samples.ts'
import { readCrds } from '../crds/suite/schema.ts'
import { ROOT } from './generated-files.ts'
import { SCENARIOS, toFolder } from './scenarios.ts'

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

test.each(readCrds().map((crd) => [crd.spec.names.kind, crd] as const))(
  '%s stands wherever a kind has to',
  (kind, { spec }) => {
    const { scope, names, versions } = spec
    const folder = toFolder(kind)
    const inNamespace = scope === 'Namespaced'
    const row = new RegExp(`\\| ${kind}(?: \\([^|]*\\))? +\\| ${scope[0]} +\\| ${names.shortNames[0]} +\\|`)
    const places: [path: string, isThere: boolean, write: string][] = [
      ['crds/suite/samples.ts', SAMPLES[kind] !== undefined, `${kind}: [{ spec, status }] with every field`],
      [
        // Projects write what is in a namespace and has a status.
        'e2e/harness/objects.ts',
        !inNamespace || !versions[0]?.subresources || read('e2e/harness/objects.ts').includes(`draft('${kind}'`),
        `a draft of the least ${kind} that a user would write`,
      ],
      [
        'docs/api-conventions.md',
        row.test(read('docs/api-conventions.md')),
        `in the first table: | ${kind} | ${scope[0]} | ${names.shortNames[0]} |`,
      ],
      [
        'docs/testing.md',
        new RegExp(`^\\| ${kind} +\\|`, 'm').test(read('docs/testing.md')),
        `a row in the table of scenarios: | ${kind} | and a cell each for ${SCENARIOS.join(', ')}`,
      ],
      ...['controller.ts', 'reconcile.ts'].map((file): [string, boolean, string] => {
        const path = `operator/controllers/${folder}/${file}`
        return [path, existsSync(join(ROOT, path)), 'npm run new-kind makes it']
      }),
    ]
    expect(places.filter(([, isThere]) => !isThere).map(([path, , write]) => `${path}: ${write}`)).toEqual([])
  },
)
