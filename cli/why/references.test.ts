// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { fieldsOf, readCrds } from '../../crds/suite/schema.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { kindOfField, referencesOf } from './references.ts'

test('every field of a spec that names an object is known', () => {
  const fields = readCrds().flatMap((crd) => fieldsOf(crd).map(({ path }) => path))
  const names = new Set(
    fields.flatMap((path) => /^spec\..*?([A-Za-z]+Refs?)$/.exec(path.replaceAll('[]', ''))?.[1] ?? []),
  )
  expect(names.size).toBeGreaterThan(20)
  const unknown = [...names].filter((name) => !kindOfField(name) && !name.includes('Secret'))
  // The owner of an IPClaim may be of many kinds, which stands beside its name.
  expect(unknown).toEqual(['ownerRef'])
})

test('what a machine names is found once each, in the namespace that is meant', () => {
  const object: KubeObject = {
    metadata: { name: 'web', namespace: 'team', uid: 'u', resourceVersion: '1' },
    spec: {
      flavorRef: { name: 'small' },
      imageRef: { namespace: 'infra', name: 'debian' },
      networks: [{ networkRef: { name: 'front' } }, { portRef: { name: 'p' } }, { networkRef: { name: 'front' } }],
      securityGroupRefs: [{ name: 'default' }, { namespace: 'ops', name: 'admins' }],
      userDataSecretRef: { name: 'secret' },
      metadata: { aRef: 'text' },
    },
  }
  expect(referencesOf(object).map(({ kind, ref, field }) => [kind.kind, ref.namespace, ref.name, field])).toEqual([
    ['Flavor', undefined, 'small', 'spec.flavorRef'],
    ['Image', 'infra', 'debian', 'spec.imageRef'],
    ['Network', 'team', 'front', 'spec.networks[0].networkRef'],
    ['Port', 'team', 'p', 'spec.networks[1].portRef'],
    ['SecurityGroup', 'team', 'default', 'spec.securityGroupRefs[0]'],
    ['SecurityGroup', 'ops', 'admins', 'spec.securityGroupRefs[1]'],
  ])
})
