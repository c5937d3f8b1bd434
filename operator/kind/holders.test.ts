// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { SAMPLES } from '../../crds/suite/samples.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { KIND_NAMES, KINDS } from '../kinds.ts'
import { memoryWorld, stored } from '../testing/memory-deps.ts'
import { listHolders, waitForUsers } from './holders.ts'
import { resourceKindOf, type AnyReference, type KindName } from './row.ts'

describe('waitForUsers', () => {
  test('names the machine that a Port was made for, since that is what a person deletes', () => {
    const made = port('web-0', { kind: 'Instance', name: 'web', controller: true })
    expect(waitForUsers([['Port', [made]]])).toMatchObject({
      message: 'in use by Port team/web-0 (of Instance web): delete these first',
    })
  })

  test.each([
    ['no owner', undefined],
    ['an owner that does not control it', { kind: 'Instance', name: 'web' }],
    ['an owner of another group', { apiVersion: 'example.com/v1', kind: 'Instance', name: 'web', controller: true }],
  ])('of one with %s the name alone', (_, owner) => {
    expect(waitForUsers([['Port', [port('own', owner)]]])).toMatchObject({
      message: 'in use by Port team/own: delete these first',
    })
  })

  test('nothing waits where nobody uses it', () => {
    expect(waitForUsers([['Port', []]])).toBeUndefined()
  })
})

function port(
  name: string,
  owner?: { apiVersion?: string; kind: string; name: string; controller?: boolean },
): KubeObject {
  return {
    apiVersion: 'nephele.dev/v1alpha1',
    kind: 'Port',
    metadata: {
      namespace: 'team',
      name,
      uid: name,
      resourceVersion: '1',
      ...(owner && { ownerReferences: [{ apiVersion: 'nephele.dev/v1alpha1', uid: 'u', ...owner }] }),
    },
  }
}

describe('listHolders', () => {
  const samples = KIND_NAMES.flatMap((name) =>
    (SAMPLES[resourceKindOf(name).kind] ?? []).flatMap((sample, i) =>
      Object.entries((KINDS[name].references ?? {}) as Record<string, AnyReference<KubeObject>>)
        .filter(([, reference]) => 'holds' in reference)
        .map(([index, reference]) => [`${name}, sample ${i}`, index, name, reference, sample] as const),
    ),
  )

  // Who was never let in is refused a target that is being deleted: if it held it, each would wait for the other for ever.
  test.each(samples)('%s: one that was given nothing yet holds no %s', (_, __, name, reference, { spec }) => {
    const { namespaced, kind } = resourceKindOf(name)
    const w = memoryWorld()
    const user = stored(`new-${kind.toLowerCase()}`, spec, { namespace: namespaced ? 'ns' : '' })
    w.put(name, user as never)
    for (const { ref } of reference.refs(user)) {
      const to = reference.to as KindName
      const namespace = resourceKindOf(to).namespaced ? (ref.namespace ?? 'ns') : ''
      const shared = { sharedWith: [{ namespace: '*' }] }
      const target = stored(ref.name, shared, { namespace, deleted: true })
      expect(listHolders(to, target, w.deps.caches)).toEqual([])
    }
  })
})
