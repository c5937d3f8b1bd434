// SPDX-License-Identifier: Apache-2.0
// The generated part of clients/typescript: a class for each kind that kubernetes-fluent-client can apply, read and watch, as
// JavaScript with declarations beside it, so that nobody has to compile it. Pure.

const CLIENT_FOLDER = 'clients/typescript'
export const CLIENT_TYPES_FOLDER = `${CLIENT_FOLDER}/types`

/** What a class of the client is made from. */
export interface ClientKind {
  group: string
  version: string
  kind: string
  plural: string
  description: string
  /** Has a status subresource. */
  hasStatus: boolean
  /** Declarations of `<Kind>Spec` and, if it has one, `<Kind>Status`, with the licence at their top. */
  types: string
}

const TOP = '// SPDX-License-Identifier: Apache-2.0\n// Made from crds/ by `npm run generate`. Do not edit.\n'

/** Path below the repository → content. */
export function renderClient(kinds: readonly ClientKind[]): Map<string, string> {
  const files = new Map(kinds.map(({ kind, types }) => [`${CLIENT_TYPES_FOLDER}/${kind.toLowerCase()}.d.ts`, types]))
  files.set(`${CLIENT_FOLDER}/index.js`, [imports('GenericKind, RegisterKind'), ...kinds.map(renderClass)].join('\n'))
  files.set(`${CLIENT_FOLDER}/index.d.ts`, [imports('GenericKind'), ...kinds.map(renderDeclaration)].join('\n'))
  return files
}

function imports(names: string): string {
  return `${TOP}import { ${names} } from 'kubernetes-fluent-client'\n`
}

function renderClass({ group, version, kind, plural }: ClientKind): string {
  const names = `group: '${group}', version: '${version}', kind: '${kind}', plural: '${plural}'`
  return `export class ${kind} extends GenericKind {}\nRegisterKind(${kind}, { ${names} })\n`
}

function renderDeclaration({ kind, description, hasStatus }: ClientKind): string {
  const names = [`${kind}Spec`, ...(hasStatus ? [`${kind}Status`] : [])].join(', ')
  const from = `from './types/${kind.toLowerCase()}.js'`
  return [
    `import type { ${names} } ${from}`,
    `export type { ${names} } ${from}`,
    `/** ${description} */`,
    `export declare class ${kind} extends GenericKind {`,
    `  spec: ${kind}Spec`,
    ...(hasStatus ? [`  status?: ${kind}Status`] : []),
    '}\n',
  ].join('\n')
}
