// SPDX-License-Identifier: Apache-2.0
// What lib/api/generated has of each kind, made from crds/: its constant and its type.

export interface KindCrd {
  spec: {
    group: string
    scope: 'Cluster' | 'Namespaced'
    names: { kind: string; plural: string; shortNames?: string[] }
    versions: { name: string; schema: { openAPIV3Schema: { properties: Record<string, unknown> } } }[]
  }
}

const HEADER = '// SPDX-License-Identifier: Apache-2.0\n// Made from crds/ by `npm run generate`. Do not edit.\n'

/** A word of its own in spite of its capitals. */
export const asWords = (kind: string): string => kind.replaceAll('QoS', 'Qos')

/** `IPClaim` → `IP_CLAIM`. */
export function constantNameOf(kind: string): string {
  return asWords(kind)
    .replace(/([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3_$2$4')
    .toUpperCase()
}

/** `IPClaim`, `ipclaims` → `ipClaims`: how the operator calls the kind. */
export function kindNameOf({ kind, plural }: { kind: string; plural: string }): string {
  const camel = asWords(kind).replace(/^[A-Z]+(?=[A-Z][a-z])|^[A-Z]+$|^[A-Z]/, (start) => start.toLowerCase())
  let shared = 0
  while (shared < camel.length && camel[shared]?.toLowerCase() === plural[shared]) shared++
  return camel.slice(0, shared) + plural.slice(shared)
}

/** The constants that name our kinds in the API. */
export function renderKinds(crds: readonly KindCrd[]): string {
  const constants = crds.map(({ spec: { group, scope, names, versions } }) => {
    const version = versions[0]?.name ?? ''
    const fields = { group, version, plural: names.plural, kind: names.kind }
    const lines = Object.entries(fields).map(([name, value]) => `  ${name}: '${value}',\n`)
    return `export const ${constantNameOf(names.kind)}: ResourceKind = {\n${lines.join('')}  namespaced: ${scope === 'Namespaced'},\n}\n`
  })
  const rows = crds.map(({ spec: { names } }) => `  ${kindNameOf(names)}: ${constantNameOf(names.kind)},\n`)
  return [
    HEADER,
    `import type { ResourceKind } from '../../kube/object.ts'\n\n`,
    ...constants,
    `\n/** Each kind by the name that the operator calls it by. */\nexport const CUSTOM_KINDS_BY_NAME = {\n`,
    ...rows,
    `} as const\n`,
    `\n/** By plural: what kubectl takes for it as well. */\nexport const SHORT_NAMES: Readonly<Record<string, readonly string[]>> = {\n`,
    ...crds.map(
      ({ spec: { names } }) => `  ${names.plural}: [${(names.shortNames ?? []).map((n) => `'${n}'`).join(', ')}],\n`,
    ),
    `}\n`,
  ].join('')
}

/** Our kinds as typed objects. */
export function renderTypedKinds(crds: readonly KindCrd[]): string {
  const typesOf = ({ spec: { names, versions } }: KindCrd) => {
    const { properties } = versions[0]?.schema.openAPIV3Schema ?? { properties: {} }
    return {
      spec: `${names.kind}Spec`,
      status: properties['status'] ? `${names.kind}Status` : undefined,
    }
  }
  const imports = crds.map((crd) => {
    const { spec, status } = typesOf(crd)
    const file = crd.spec.names.kind.toLowerCase()
    return `import type { ${[spec, ...(status ? [status] : [])].join(', ')} } from '../../../crds/generated/${file}.ts'\n`
  })
  const types = crds.map((crd) => {
    const { spec, status = 'never' } = typesOf(crd)
    return `export type ${crd.spec.names.kind} = Resource<${spec}, ${status}>\n`
  })
  const rows = crds.map(({ spec: { names } }) => `  ${kindNameOf(names)}: ${names.kind}\n`)
  return [
    HEADER,
    ...imports,
    `import type { Resource } from '../../kube/object.ts'\n\n`,
    ...types,
    `\n/** Each kind by the name that the operator calls it by. */\nexport interface CustomObjects {\n`,
    ...rows,
    `}\n`,
  ].join('')
}
