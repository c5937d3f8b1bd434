// SPDX-License-Identifier: Apache-2.0
// Invariant 9 for every kind: what a reference `holds` stays Terminating and says by what, also by a reference that is written tomorrow.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { SAMPLES } from '../../crds/suite/samples.ts'
import type { KeyPair } from '../../lib/api/types.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { resourceKindOf, type AnyReference, type KindName, type KindRow } from '../kind/row.ts'
import { KIND_NAMES, KINDS } from '../kinds.ts'
import { memoryWorld, stored } from '../testing/memory-deps.ts'
import { defineControllers } from './all.ts'

function controllersOf({ deps, stores }: ReturnType<typeof memoryWorld>) {
  return new Map(defineControllers(deps, stores as never, {}))
}
const controllers = controllersOf(memoryWorld())
const hasFinalizer = (name: KindName) => controllers.get(name)?.finalizer !== undefined

describe.each(KIND_NAMES.filter(hasFinalizer))('%s that something names by a reference that holds it', (name) => {
  const { kind, namespaced } = resourceKindOf(name)
  const rows = KINDS as Record<KindName, KindRow<KubeObject>>
  const holding: AnyReference<KubeObject> = {
    to: name,
    refs: ({ metadata }) => (metadata.name === 'holder' ? [{ ref: { name: 'it' }, field: 'spec.itRef' }] : []),
    holds: () => true,
  }
  const row = rows.keyPairs
  beforeEach(() => void (rows.keyPairs = { ...row, references: { ...row.references, holding } }))
  afterEach(() => void (rows.keyPairs = row))

  test('is kept until that is gone', async () => {
    const world = memoryWorld()
    const definition = controllersOf(world).get(name)
    const namespace = namespaced ? 'ns' : ''
    const it = world.put(name, stored('it', SAMPLES[kind]?.[0]?.spec, { deleted: true, namespace, status: {} }))
    const holder = world.put('keyPairs', stored<KeyPair>('holder', { publicKey: '' }, namespaced ? {} : { namespace }))
    const inUse: unknown = expect.stringContaining(`KeyPair ${namespaced ? 'ns/' : ''}holder`)
    const outcome = await definition?.reconcile(structuredClone(it), world.run)
    expect(outcome).toMatchObject({ kind: 'wait', reason: 'InUse', message: inUse })
    world.drop('keyPairs', holder)
    expect(await definition?.reconcile(structuredClone(it), world.run)).toEqual({ kind: 'released' })
  })
})

test('a reference holds only what has a finalizer: the apiserver removes the rest at once', () => {
  const held = KIND_NAMES.flatMap((name) => {
    const references = Object.values((KINDS[name] as KindRow<KubeObject>).references ?? {})
    return references.flatMap((reference) => (reference.holds ? [reference.to as KindName] : []))
  })
  expect(held.length).toBeGreaterThan(8)
  expect(held.filter((name) => !hasFinalizer(name))).toEqual([])
})
