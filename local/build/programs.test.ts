// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { cacheDir, definitionHash } from '../host/cache.ts'
import { linkerFlags, requiredVersion } from './programs.ts'

describe('pinned programs', () => {
  const goMod = 'module m\n\nrequire (\n\tk8s.io/kubernetes v1.35.4\n\tk8s.io/api v0.35.4 // indirect\n)\n'

  test.each([
    ['k8s.io/kubernetes', 'v1.35.4'],
    ['k8s.io/api', 'v0.35.4'],
  ])('go.mod requires %s %s', (module, version) => expect(requiredVersion(goMod, module)).toBe(version))

  test('a module that is not required is an error', () => {
    expect(() => requiredVersion(goMod, 'k8s.io/kube')).toThrow('requires no k8s.io/kube')
  })

  test('the linker writes the version into the programs', () => {
    expect(linkerFlags('v1.35.4')).toContain('gitVersion=v1.35.4 -X k8s.io/component-base/version.gitMajor=1')
    expect(() => linkerFlags('1.35; rm -rf /')).toThrow('not a release')
  })
})

describe('cache', () => {
  test.each([
    [{ NEPHELE_CACHE: '/a', XDG_CACHE_HOME: '/b' }, '/a'],
    [{ XDG_CACHE_HOME: '/b' }, '/b/nephele'],
  ])('%j is %s', (env, dir) => expect(cacheDir(env)).toBe(dir))

  test('what is cut elsewhere is another definition', () => {
    expect(definitionHash(['ab', 'c'])).not.toBe(definitionHash(['a', 'bc']))
    expect(definitionHash(['ab', 'c'])).toBe(definitionHash([Buffer.from('ab'), 'c']))
  })
})
