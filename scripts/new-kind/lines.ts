// SPDX-License-Identifier: Apache-2.0
// The lines of a kind in the files that all kinds share. Pure.
import type { KindNames } from './names.ts'

type Change = (text: string) => string

/** Path → what the kind adds to the file. */
export function listKindLines({ kind, camel, row, folder, isCluster }: KindNames): Map<string, Change> {
  const add = `export const ${camel} = (at: Named, spec: object = {}): Draft => draft('${kind}', at, spec)\n`
  const sample = `  ${kind}: [{ spec: { description: 'what for' }, status: { ...COMMON, state: 'ACTIVE' } }],`
  return new Map<string, Change>([
    [
      'operator/kinds.ts',
      (text) =>
        addInOrder(
          addInOrder(
            text,
            /^import .* from '\.\/controllers\/.*$/,
            `import { ${camel}Kind } from './controllers/${folder}/kind.ts'`,
            pathOf,
          ),
          /^ {2}\w+: [\w{}]+,$/,
          `  ${row}: ${camel}Kind,`,
        ),
    ],
    [
      'operator/controllers/all.ts',
      (text) =>
        addLast(
          addInOrder(
            text,
            /^import .* from '\.\/.*$/,
            `import { ${camel}Controller } from './${folder}/controller.ts'`,
            pathOf,
          ),
          /^ {4}\w+: \w+Controller\(.*\),$/,
          `    ${row}: ${camel}Controller(deps),`,
        ),
    ],
    ['crds/suite/samples.ts', (text) => addLast(text, /^ {2}\],$/, sample)],
    ...(isCluster
      ? []
      : [
          [
            'e2e/harness/objects.ts',
            (text: string) => addLast(text, /^ {2}draft\(.*|^export .* => draft\(.*/, `\n${add}`),
          ] as const,
        ]),
  ])
}

/** The path of an import, by which imports are in order. */
function pathOf(line: string): string {
  return line.slice(line.indexOf(' from '))
}

/** Before the first of these lines that comes later in the alphabet, or behind the last of them. */
function addInOrder(text: string, like: RegExp, line: string, key: (line: string) => string = (line) => line): string {
  const lines = text.split('\n')
  const later = lines.findIndex((found) => like.test(found) && key(found).localeCompare(key(line)) > 0)
  return later < 0 ? addLast(text, like, line) : lines.toSpliced(later, 0, line).join('\n')
}

function addLast(text: string, like: RegExp, line: string): string {
  const lines = text.split('\n')
  const last = lines.findLastIndex((found) => like.test(found))
  if (last < 0) throw new Error(`no line is like ${String(like)}`)
  return lines.toSpliced(last + 1, 0, line).join('\n')
}
