// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { readConfig } from './config.ts'
import { parseConsolePath } from './console-path.ts'

const NEEDED = {
  NEPHELE_CONSOLE_URL: 'https://console.example.com/',
  NEPHELE_CONSOLE_TLS_CERT_FILE: '/tls.crt',
  NEPHELE_CONSOLE_TLS_KEY_FILE: '/tls.key',
  NEPHELE_NATS_SERVERS: 'a:4222, b:4222',
  NEPHELE_NATS_CA_FILE: '/ca.crt',
  NEPHELE_NATS_TOKEN_FILE: '/token',
}

test('what is needed, and what is taken for the rest', () => {
  expect(readConfig({ ...NEEDED, NEPHELE_HTTP_HOST: '' })).toEqual({
    origin: 'https://console.example.com',
    listen: { host: '0.0.0.0', port: 8443 },
    tls: { certFile: '/tls.crt', keyFile: '/tls.key' },
    http: { host: '127.0.0.1', port: 8080 },
    nats: { servers: ['a:4222', 'b:4222'], caFile: '/ca.crt', tokenFile: '/token' },
    version: '0.1.0',
  })
  expect(readConfig({ ...NEEDED, NEPHELE_VERSION: '9.9.9' }).version).toBe('9.9.9')
})

test.each(Object.keys(NEEDED))('%s is missed by its name', (name) => {
  expect(() => readConfig({ ...NEEDED, [name]: undefined })).toThrow(name)
})

test('plain HTTP is no place for consoles', () => {
  expect(() => readConfig({ ...NEEDED, NEPHELE_CONSOLE_URL: 'http://x' })).toThrow('NEPHELE_CONSOLE_URL')
})

test('a path names node, machine and access, or no console', () => {
  expect(parseConsolePath('/serial/n1_example/m-1/a-1')).toEqual({
    ...{ type: 'serial', node: 'n1.example' },
    ...{ machine: 'm-1', access: 'a-1' },
  })
  expect(parseConsolePath('/vnc/n1/m-1/a-1')?.type).toBe('vnc')
  expect(parseConsolePath('/log/n1/m-1/a-1')?.type).toBe('log')
  for (const bad of [
    '/',
    '/serial',
    '/spice/n/m/a',
    '/serial/n/m/a/',
    '/serial/n/m/a?x',
    '/serial/*/m/a',
    '/serial/n/M/a',
    '/serial/n/m/>',
    'serial/n/m/a',
  ])
    expect(parseConsolePath(bad)).toBeUndefined()
})
