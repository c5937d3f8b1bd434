// SPDX-License-Identifier: Apache-2.0
// Where a kind stands beside its own files and its row, which the compiler asks for. Says what to write, and in which file.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from '@jest/globals'
import { SAMPLES } from '../crds/suite/samples.ts'
import { readCrds } from '../crds/suite/schema.ts'
import { DOCUMENT_KINDS, DOCUMENTS } from '../lib/contract/document-kinds.ts'
import type { KubeObject } from '../lib/kube/object.ts'
import { KIND_OF_DOCUMENT } from '../operator/kind/document-kinds.ts'
import { resourceKindOf, type KindName, type KindRow } from '../operator/kind/row.ts'
import { KINDS } from '../operator/kinds.ts'
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

test.each(DOCUMENT_KINDS)('a document of kind %s stands wherever one has to', (document) => {
  const name = KIND_OF_DOCUMENT[document]
  const folder = `operator/controllers/${toFolder(resourceKindOf(name).kind)}`
  const agents = readdirSync(join(ROOT, 'agents'), { recursive: true, encoding: 'utf8' })
  const references = Object.values((KINDS[name] as KindRow<KubeObject>).references ?? {})
  const keepsItsNode = references.some((ref) => (ref.to as KindName) === 'computeNodes' && ref.holds !== undefined)
  const places: [path: string, isThere: boolean, write: string][] = [
    [
      'agents/',
      agents.some((path) => basename(path) === `${document}-reconciler.ts`),
      `${document}-reconciler.ts, a KindReconciler; a role in agents/roles/ has it`,
    ],
    [`${folder}/document.ts`, existsSync(join(ROOT, folder, 'document.ts')), 'what its node has to know of it'],
    [
      `${folder}/kind.ts`,
      DOCUMENTS[document].holds !== 'original' || keepsItsNode,
      'a reference to computeNodes that holds: what is there once keeps its ComputeNode',
    ],
    ...(['releases', 'orphans'] as const).map((list): [string, boolean, string] => [
      'crds/computenodes.yaml',
      listKindsOfNode(list).includes(document),
      `${document} in status.${list}[].kind`,
    ]),
    ['docs/glossary.md', listKindsOfGlossary().includes(document), `${document} at "document", after "Kinds:"`],
  ]
  expect(places.filter(([, isThere]) => !isThere).map(([path, , write]) => `${path}: ${write}`)).toEqual([])
})

function listKindsOfNode(list: 'releases' | 'orphans'): readonly string[] {
  const crd = readCrds().find(({ spec }) => spec.names.kind === 'ComputeNode')
  const status = crd?.spec.versions[0]?.schema.openAPIV3Schema.properties?.['status']
  return status?.properties?.[list]?.items?.properties?.['kind']?.enum ?? []
}

function listKindsOfGlossary(): string[] {
  const [, list = ''] = /\*\*document\*\*[^[]*Kinds: ([^.]*)\./.exec(read('docs/glossary.md')) ?? []
  return list.split(/,\s+/)
}
