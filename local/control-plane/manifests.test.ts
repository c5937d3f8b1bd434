// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { applyManifests, manifestPath, type Manifest } from './manifests.ts'

const SERVED = {
  '/api/v1': [
    { kind: 'Namespace', name: 'namespaces/status', namespaced: false },
    { kind: 'Namespace', name: 'namespaces', namespaced: false },
    { kind: 'Secret', name: 'secrets', namespaced: true },
  ],
  '/apis/nephele.dev/v1alpha1': [{ kind: 'Image', name: 'images', namespaced: true }],
}
const image: Manifest = { apiVersion: 'nephele.dev/v1alpha1', kind: 'Image', metadata: { name: 'debian' } }
const namespace: Manifest = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } }
const secret: Manifest = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key', namespace: 'team' } }

describe('manifests', () => {
  test.each([
    [namespace, '/api/v1/namespaces/team'],
    [secret, '/api/v1/namespaces/team/secrets/key'],
  ])('%j stands at %s', (manifest, path) => expect(manifestPath(manifest, SERVED['/api/v1'], 'x')).toBe(path))

  test('an object without a namespace goes into the one that is given, and ours go last', async () => {
    const applied: string[] = []
    const request = async (_: string, path: string) => ({ resources: SERVED[path as keyof typeof SERVED] }) as never
    const apply = async (path: string) => void applied.push(path)
    await applyManifests({ request, apply, close: () => undefined }, [image, secret, namespace], 'default')
    expect(applied).toEqual([
      '/api/v1/namespaces/team',
      '/api/v1/namespaces/team/secrets/key',
      '/apis/nephele.dev/v1alpha1/namespaces/default/images/debian',
    ])
  })

  test('a kind that is not served is an error that names it', () => {
    expect(() => manifestPath(image, SERVED['/api/v1'], 'x')).toThrow('no Image of nephele.dev/v1alpha1')
  })
})
