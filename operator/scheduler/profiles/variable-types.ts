// SPDX-License-Identifier: Apache-2.0
// The variables of expressions as types of CEL: what an expression reads that there is not, and whatever does not fit together, is found before it is
// evaluated, and its operators are chosen then, once. CEL knows its types by the constructors of values.

/** Whole numbers are CEL's int. */
export const FIELDS = {
  instance: {
    ...{ namespace: 'string', uid: 'string', availabilityZone: 'string' },
    ...{ vcpus: 'int', memoryMiB: 'int', diskGiB: 'int' },
  },
  flavor: { name: 'string', extraSpecs: 'map<string, string>' },
  image: { name: 'string', properties: 'map<string, string>' },
  node: {
    ...{
      name: 'string',
      zone: 'string',
      acceleration: 'string',
      hypervisorType: 'string',
      hypervisorVersion: 'string',
    },
    ...{ vcpus: 'int', memoryMiB: 'int', diskGiB: 'int', freeVcpus: 'int', freeMemoryMiB: 'int', freeDiskGiB: 'int' },
    ...{ instances: 'int', ioOps: 'int', failedBuilds: 'int' },
  },
  aggregate: { names: 'list<string>', metadata: 'map<string, list<string>>' },
} as const

interface TypeOf {
  string: string
  int: bigint
  'map<string, string>': Readonly<Record<string, string>>
  'list<string>': readonly string[]
  'map<string, list<string>>': Readonly<Record<string, readonly string[]>>
}
type Name = keyof typeof FIELDS
export type Values<N extends Name> = {
  [Field in keyof (typeof FIELDS)[N]]: TypeOf[(typeof FIELDS)[N][Field] & keyof TypeOf]
}

// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- its fields are those of the type
abstract class Of<N extends Name> {
  constructor(values: Values<N>) {
    Object.assign(this, values)
  }
}
export class InstanceVariables extends Of<'instance'> {}
export class FlavorVariables extends Of<'flavor'> {}
export class ImageVariables extends Of<'image'> {}
export class NodeVariables extends Of<'node'> {}
export class AggregateVariables extends Of<'aggregate'> {}

export const CONSTRUCTORS = {
  ...{ instance: InstanceVariables, flavor: FlavorVariables, image: ImageVariables },
  ...{ node: NodeVariables, aggregate: AggregateVariables },
} as const

export type Variables = { readonly [N in Name]: InstanceType<(typeof CONSTRUCTORS)[N]> }
