// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { SecurityGroup } from '../../../lib/api/types.ts'
import { ApiError } from '../../../lib/kube/errors.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { ensureDefaultGroup } from './default-group.ts'

describe('ensureDefaultGroup', () => {
  const refusing = (code: number, reason: string) => {
    const error = new ApiError('POST securitygroups', code, { reason })
    return { error, client: { create: () => Promise.reject(error) } }
  }
  const cache = () => memoryWorld().deps.caches.securityGroups

  test('makes a group that lets everything out and only members in', async () => {
    const made: unknown[] = []
    const create = (_: unknown, object: object) => Promise.resolve(void made.push(object))
    await ensureDefaultGroup('ns', cache(), { create: create as never })
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
  test('leaves one that is there, whatever its user made of it', async () => {
    const w = memoryWorld()
    w.put('securityGroups', stored<SecurityGroup>('default', { rules: [] }))
    await ensureDefaultGroup('ns', w.deps.caches.securityGroups, refusing(500, 'InternalError').client)
  })
  test('somebody else was faster: that will do', async () => {
    await ensureDefaultGroup('ns', cache(), refusing(409, 'AlreadyExists').client)
  })
  test('any other refusal reaches the caller', async () => {
    const { client, error } = refusing(403, 'Forbidden')
    await expect(ensureDefaultGroup('ns', cache(), client)).rejects.toBe(error)
  })
})
