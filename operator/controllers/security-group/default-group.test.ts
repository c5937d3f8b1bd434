// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Cloud, SecurityGroup } from '../../../lib/api/types.ts'
import { ApiError } from '../../../lib/kube/errors.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { ensureDefaultGroup } from './default-group.ts'

describe('ensureDefaultGroup', () => {
  const refusing = (code: number, reason: string) => {
    const error = new ApiError('POST securitygroups', code, { reason })
    return { error, client: { create: () => Promise.reject(error) } }
  }
  const caches = () => memoryWorld().deps.caches

  test('makes a group that lets everything out and only members in', async () => {
    const made: unknown[] = []
    const create = (_: unknown, object: object) => Promise.resolve(void made.push(object))
    await ensureDefaultGroup('ns', caches(), { create: create as never })
    const remoteGroupRef = { name: 'default' }
    expect(made).toMatchObject([
      {
        metadata: { name: 'default', namespace: 'ns' },
        spec: {
          rules: [
            { direction: 'egress', etherType: 'IPv4' },
            { direction: 'egress', etherType: 'IPv6' },
            { direction: 'ingress', etherType: 'IPv4', remoteGroupRef },
            { direction: 'ingress', etherType: 'IPv6', remoteGroupRef },
          ],
        },
      },
    ])
  })
  test('makes it with the rules that the cloud has for it', async () => {
    const w = memoryWorld()
    const defaultSecurityGroupRules = [
      { direction: 'ingress' as const, protocol: 'tcp', portRangeMin: 22, portRangeMax: 22 },
      { direction: 'ingress' as const, remoteMembers: true },
    ]
    w.put('clouds', stored<Cloud>('default', { defaultSecurityGroupRules }, { namespace: '' }))
    const made: { spec: SecurityGroup['spec'] }[] = []
    const create = (_: unknown, object: { spec: SecurityGroup['spec'] }) => Promise.resolve(void made.push(object))
    await ensureDefaultGroup('ns', w.deps.caches, { create: create as never })
    expect(made[0]?.spec.rules).toEqual([
      { direction: 'ingress', protocol: 'tcp', portRangeMin: 22, portRangeMax: 22 },
      { direction: 'ingress', remoteGroupRef: { name: 'default' } },
    ])
  })
  test('leaves one that is there, whatever its user made of it', async () => {
    const w = memoryWorld()
    w.put('securityGroups', stored<SecurityGroup>('default', { rules: [] }))
    await ensureDefaultGroup('ns', w.deps.caches, refusing(500, 'InternalError').client)
  })
  test('somebody else was faster: that will do', async () => {
    await ensureDefaultGroup('ns', caches(), refusing(409, 'AlreadyExists').client)
  })
  test('any other refusal reaches the caller', async () => {
    const { client, error } = refusing(403, 'Forbidden')
    await expect(ensureDefaultGroup('ns', caches(), client)).rejects.toBe(error)
  })
})
