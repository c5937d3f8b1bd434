// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { TerminalError } from '../../../lib/errors.ts'
import { extraDhcpOptions } from './extra-dhcp.ts'

const of = (name: string, value: string, family: 'IPv4' | 'IPv6' = 'IPv4') =>
  extraDhcpOptions([{ name, value }], family)

describe('as OVN has them', () => {
  test.each<[string, string, Record<string, string>]>([
    ['ntp-server', '10.0.0.2', { ntp_server: '{10.0.0.2}' }],
    ['dns-server', '10.0.0.2,10.0.0.3', { dns_server: '{10.0.0.2, 10.0.0.3}' }],
    ['policy-filter', '10.1.0.0,255.255.0.0', { policy_filter: '{10.1.0.0, 255.255.0.0}' }],
    ['server-ip-address', '10.0.0.2', { next_server: '10.0.0.2' }],
    ['tftp-server', '10.0.0.2', { tftp_server: '"10.0.0.2"' }],
    ['tftp-server', 'boot.example', { tftp_server: '"boot.example"' }],
    ['tftp-server-address', '10.0.0.2', { tftp_server_address: '{10.0.0.2}' }],
    ['bootfile-name', 'http://10.0.0.2/a b?x=$y', { bootfile_name: '"http://10.0.0.2/a b?x=$y"' }],
    ['bootfile-name-alt', '\\boot\\x64\\wdsnbp.com', { bootfile_name_alt: '"\\\\boot\\\\x64\\\\wdsnbp.com"' }],
    ['domain-search', 'a.io,b.in', { domain_search_list: '"a.io.,b.in."' }],
    ['domain-name', 'Example.com', { domain_name: '"Example.com"' }],
    ['ip-forward-enable', 'true', { ip_forward_enable: '1' }],
    ['router-discovery', 'false', { router_discovery: '0' }],
    ['tcp-ttl', '255', { tcp_ttl: '255' }],
    ['arp-timeout', '4294967295', { arp_cache_timeout: '4294967295' }],
  ])('%s: %s', (name, value, option) => expect(of(name, value)).toEqual(option))
  test('of IPv6', () => {
    expect(of('dns-server', 'FD00::2,fd00::3', 'IPv6')).toEqual({ dns_server: '{fd00::2, fd00::3}' })
    expect(of('bootfile-name', 'http://[fd00::2]/x', 'IPv6')).toEqual({ bootfile_name: '"http://[fd00::2]/x"' })
  })
})

test.each<[string, string, 'IPv4' | 'IPv6']>([
  ['router', '10.0.0.1', 'IPv4'],
  ['server_id', '10.0.0.1', 'IPv4'],
  ['constructor', 'x', 'IPv4'],
  ['ntp-server', 'fd00::2', 'IPv4'],
  ['ntp-server', '10.0.0.2}, router = {10.0.0.3', 'IPv4'],
  ['server-ip-address', '10.0.0.2, router = 10.0.0.3', 'IPv4'],
  ['server-ip-address', '10.0.0.2,10.0.0.3', 'IPv4'],
  ['wpad', 'x", router = 10.0.0.3, wpad = "', 'IPv4'],
  ['wpad', 'a\nb', 'IPv4'],
  ['wpad', 'a\n', 'IPv4'],
  ['wpad', '', 'IPv4'],
  ['wpad', 'x'.repeat(256), 'IPv4'],
  ['domain-search', 'a.io", router = 10.0.0.3, wpad = "x', 'IPv4'],
  ['domain-name', 'a b', 'IPv4'],
  ['tcp-ttl', '256', 'IPv4'],
  ['tcp-ttl', '1, router = 10.0.0.3', 'IPv4'],
  ['tcp-keepalive', '4294967296', 'IPv4'],
  ['ethernet-encap', '1', 'IPv4'],
  ['ntp-server', '10.0.0.2', 'IPv6'],
  ['dns-server', '10.0.0.2', 'IPv6'],
])('refused: %s %j %s', (name, value, family) => expect(() => of(name, value, family)).toThrow(TerminalError))

interface Schema {
  enum?: string[]
  properties?: Record<string, Schema>
  items?: Schema
  openAPIV3Schema?: Schema
  schema?: Schema
}
const crd = parse(readFileSync('crds/ports.yaml', 'utf8')) as { spec: { versions: Schema[] } }
const options = crd.spec.versions[0]!.schema!.openAPIV3Schema!.properties!['spec']!.properties!['extraDHCPOptions']!
const NAMES = options.items!.properties!['name']!.enum!

test('every name that the schema lets in is known', () => {
  const isKnown = (name: string, value: string) => {
    try {
      return Object.keys(of(name, value)).length === 1
    } catch {
      return false
    }
  }
  const unknown = NAMES.filter((name) => !['10.0.0.2', 'true', '1', 'x'].some((value) => isKnown(name, value)))
  expect(unknown).toEqual([])
})

/** Reads `name = value, name = value` as OVN's lexer does (ovn-sb(5), Logical_Flow): strings as in JSON, words, and sets of words. */
function readAction(text: string): Map<string, string | readonly string[]> {
  const found = new Map<string, string | readonly string[]>()
  const token = /\s*("(?:[^"\\\n]|\\.)*"|[A-Za-z_][A-Za-z0-9_]*|[0-9a-fA-F:.]+|[={},])/y
  const tokens: string[] = []
  while (token.lastIndex < text.length) {
    const match = token.exec(text)
    if (!match) throw new Error(`no token: ${text}`)
    tokens.push(match[1]!)
  }
  for (let i = 0; i < tokens.length;) {
    const key = tokens[i++]!
    if (tokens[i++] !== '=') throw new Error(`no = after ${key}`)
    if (found.has(key)) throw new Error(`${key} twice`)
    let value = tokens[i++]!
    if (value === '{') {
      const all = []
      while ((value = tokens[i++]!) !== '}') if (value !== ',') all.push(value)
      found.set(key, all)
    } else found.set(key, value.startsWith('"') ? (JSON.parse(value) as string) : value)
    if (i < tokens.length && tokens[i++] !== ',') throw new Error(`no , after ${key}`)
  }
  return found
}

test('a value never becomes another option, whatever it is: it is refused, or read back as that one option', () => {
  const nasty = fc.constantFrom(
    '"',
    '\\',
    '{',
    '}',
    ',',
    '=',
    ' ',
    '\n',
    '\0',
    'router',
    '10.0.0.1',
    'fd00::1',
    'é',
    '$x',
    ';',
  )
  const value = fc.oneof(
    fc
      .array(fc.oneof(nasty, fc.string({ unit: 'binary', maxLength: 3 })), { maxLength: 12 })
      .map((parts) => parts.join('')),
    fc.string({ maxLength: 300 }),
    fc.array(fc.ipV4(), { minLength: 1, maxLength: 3 }).map((all) => all.join(',')),
    fc.domain(),
  )
  let rendered = 0
  fc.assert(
    fc.property(
      fc.constantFrom(...NAMES, 'router', '__proto__'),
      value,
      fc.constantFrom('IPv4', 'IPv6'),
      (name, text, family) => {
        let made: Record<string, string>
        try {
          made = of(name, text, family)
        } catch (error) {
          expect(error).toBeInstanceOf(TerminalError)
          return
        }
        rendered++
        const action = Object.entries({ before: '1', ...made, last: '2' }).map(([key, one]) => `${key} = ${one}`)
        const read = readAction(action.join(', '))
        expect([...read.keys()]).toEqual(['before', ...Object.keys(made), 'last'])
        const said = read.get(Object.keys(made)[0]!)
        if (['wpad', 'bootfile-name', 'bootfile-name-alt', 'path-prefix', 'tftp-server'].includes(name))
          expect(said).toBe(text)
      },
    ),
    { numRuns: 3_000 },
  )
  expect(rendered).toBeGreaterThan(200)
})
