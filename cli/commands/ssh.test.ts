// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { FloatingIP, Instance } from '../../lib/api/types.ts'
import { addressFor, sshArguments } from './ssh.ts'

const instance: Instance = {
  metadata: { name: 'web', namespace: 'team', uid: 'u', resourceVersion: '1' },
  spec: { flavorRef: { name: 'f' }, imageRef: { name: 'i' } },
  status: { addresses: [{ network: 'front', port: 'p', ipAddress: '10.0.0.5' }] },
}
const floating = (status: FloatingIP['status'], spec: Partial<FloatingIP['spec']> = {}): FloatingIP => ({
  metadata: { name: 'fip', namespace: 'team', uid: 'f', resourceVersion: '1' },
  spec: { networkRef: { name: 'public' }, ...spec },
  status: { state: 'ACTIVE', ipAddress: '203.0.113.9', ...status },
})
const forwards = (externalPort: number, internalPort?: number) =>
  floating(
    { portForwardings: [{ protocol: 'tcp', externalPort, port: 'p', portUID: 'pu' }] },
    {
      portForwardings: [
        {
          protocol: 'tcp',
          externalPort,
          ...(internalPort === undefined ? {} : { internalPort }),
          instanceRef: { name: 'web' },
        },
      ],
    },
  )

test('where a machine is reached: its FloatingIP, a port of one that leads to ssh, its own address', () => {
  expect(addressFor(instance, [forwards(2222, 22), floating({ instanceUID: 'u' })])).toEqual({ address: '203.0.113.9' })
  expect(addressFor(instance, [forwards(2222, 22)])).toEqual({ address: '203.0.113.9', port: 2222 })
  expect(addressFor(instance, [forwards(22)])).toEqual({ address: '203.0.113.9', port: 22 })
  for (const none of [
    forwards(8080, 80),
    floating({ instanceUID: 'other' }),
    floating({ instanceUID: 'u', state: 'DOWN' }),
  ])
    expect(addressFor(instance, [none])).toEqual({ address: '10.0.0.5' })
  expect(() => addressFor({ ...instance, status: {} }, [])).toThrow('has no address yet')
})

test('options, then the address, then the command; no name is taken for an option', () => {
  const to = { address: '203.0.113.9', port: 2222 }
  expect(sshArguments('root', to, [])).toEqual(['-l', 'root', '-p', '2222', '--', '203.0.113.9'])
  expect(sshArguments(undefined, { address: 'a' }, ['-i', 'key', '-v', '-oX=y', 'ls', '-l'])).toEqual([
    ...['-i', 'key', '-v', '-oX=y', '--', 'a', 'ls', '-l'],
  ])
  expect(sshArguments('-oProxyCommand=x', { address: 'a' }, [])).toEqual(['-l', '-oProxyCommand=x', '--', 'a'])
})
