// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Port } from '../../../lib/api/types.ts'
import { stored } from '../../testing/memory-deps.ts'
import { targetKeysOf } from '../../kind/references.ts'
import { securityGroup } from './kind.ts'

test.each<[string, Partial<Port['spec']>, string[]]>([
  ['names none', {}, ['ns/default']],
  ['has port security by name', { portSecurityEnabled: true }, ['ns/default']],
  ['wants none', { securityGroupRefs: [] }, []],
  ['names two', { securityGroupRefs: [{ name: 'a' }, { name: 'b', namespace: 'other' }] }, ['ns/a', 'other/b']],
  ['has no port security', { portSecurityEnabled: false }, []],
])('the groups of a port that %s', (_, spec, keys) => {
  expect(targetKeysOf(securityGroup, stored<Port>('p', { networkRef: { name: 'lan' }, ...spec }))).toEqual(keys)
})
