// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { readConfig } from './config.ts'

const ENVIRONMENT = {
  NEPHELE_NODE: 'worker-1',
  NEPHELE_NATS_SERVERS: 'nats:4222, other:4222',
  NEPHELE_NATS_CA_FILE: '/etc/nephele/ca/ca.crt',
  NEPHELE_NATS_TOKEN_FILE: '/run/secrets/nephele/token',
  NEPHELE_ADDRESS: '192.0.2.7',
}
const addresses = () => ['127.0.0.1', '192.0.2.7', '10.99.0.7', 'fd00::7']

test.each([
  [{}, '192.0.2.7'],
  [{ NEPHELE_TUNNEL_NETWORK: '' }, '192.0.2.7'],
  [{ NEPHELE_TUNNEL_NETWORK: '10.99.0.0/24' }, '10.99.0.7'],
  [{ NEPHELE_TUNNEL_NETWORK: 'fd00::/64' }, 'fd00::7'],
  [{ NEPHELE_TUNNEL_NETWORK: '10.99.0.0/24', NEPHELE_ENCAP_ADDRESS: '10.1.1.1' }, '10.1.1.1'],
])('tunnels end at the address that %j chooses', (more, address) => {
  expect(readConfig({ ...ENVIRONMENT, ...more }, addresses).encapAddress).toBe(address)
})

test('a host without an address in the tunnel network says so', () => {
  const wrong = { ...ENVIRONMENT, NEPHELE_TUNNEL_NETWORK: '10.50.0.0/16' }
  expect(() => readConfig(wrong, addresses)).toThrow('this host has no address in it')
})

test('names all variables that are missing', () => {
  expect(() => readConfig({}, addresses)).toThrow(/NEPHELE_NODE.*NEPHELE_NATS_SERVERS.*NEPHELE_ADDRESS/)
})
