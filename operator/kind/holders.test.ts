// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { KubeObject } from '../../lib/kube/object.ts'
import { waitForUsers } from './holders.ts'

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
