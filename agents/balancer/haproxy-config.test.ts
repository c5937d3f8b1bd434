// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { BalancerSpec } from '../../lib/contract/documents.ts'
import { renderHaproxy } from './haproxy-config.ts'
import { renderKeepalived } from './keepalived-config.ts'
import { inHex, planAddress } from './shared-address.ts'
import { readMembers } from './member-states.ts'

const spec: BalancerSpec = {
  port: {
    ...{ logicalPort: 'service-lb', networkUid: 'net', mac: '2e:00:00:00:00:01', mtu: 1442, gateways: ['10.0.0.1'] },
    addresses: [{ address: '10.0.0.11', prefixLength: 24 }],
  },
  sharedAddress: '10.0.0.13',
  standby: { peer: '10.0.0.12', isPreferred: true },
  listeners: [
    {
      ...{ name: 'web', port: 80, pool: 'web', maxConnections: 2000, timeouts: { client: 50, connect: 5, server: 50 } },
      rules: [
        {
          hostnames: ['*.example.com', 'api.example.com'],
          paths: [
            { type: 'PathPrefix', value: '/api' },
            { type: 'Exact', value: '/x' },
          ],
          action: { type: 'pool', pool: 'web.api' },
        },
        { hostnames: [], paths: [], action: { type: 'redirect', statusCode: 301, scheme: 'https' } },
        {
          ...{ hostnames: [], paths: [{ type: 'PathPrefix', value: '/' }] },
          action: { type: 'reject', statusCode: 403 },
        },
      ],
    },
  ],
  pools: [
    {
      ...{ name: 'web', affinity: true, members: [{ address: '10.0.0.5', port: 8080 }] },
      monitor: {
        ...{ intervalSeconds: 1, timeoutSeconds: 2, successThreshold: 3, failureThreshold: 4 },
        http: { path: '/health', hostname: 'h.example', expectedCodes: '200-299' },
      },
    },
    { name: 'web.api', proxyProtocol: 'v2', members: [{ address: 'fd00::5', port: 80 }] },
  ],
}
const render = (more: Partial<BalancerSpec> = {}) =>
  renderHaproxy({ ...spec, ...more }, { chroot: '/var/lib/haproxy', stateFile: '/run/x/servers' }).split('\n')

/** Ours, each with a `$` of its own. */
const PERCENT_LINE = "http-request return status 400 if { path -m reg -- '%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?$)' }"
const HOST_LINES = [
  "http-request return status 400 if { req.fhdr(host) -m found } !{ req.fhdr(host) -m reg -- '^([0-9A-Za-z_-]+([.][0-9A-Za-z_-]+)*[.]?|[[][0-9A-Fa-f:.]+[]])(:[0-9]*)?$' }",
  "http-request set-var(txn.host) 'req.fhdr(host),regsub(:[0-9]*$,),regsub([.]$,),lower'",
]

describe('what HAProxy is told', () => {
  test.each([
    ['it runs as nobody in an empty root', 'user haproxy', 'chroot /var/lib/haproxy'],
    [
      'HTTP/2 is bounded, and so is what all hold together',
      'tune.h2.max-concurrent-streams 16',
      'tune.buffers.limit 16384',
    ],
    [
      'a Host is a name or an address, and only one',
      ...HOST_LINES,
      'http-request return status 400 if { req.fhdr_cnt(host) gt 1 }',
    ],
    ['a percent sign of a path begins a sequence', PERCENT_LINE],
    ['a listener', 'frontend web', 'bind 0.0.0.0:80', 'default_backend web'],
    ['who asks is said by us alone', 'http-request del-header X-Forwarded-For', 'option forwardfor'],
    ['a prefix is of whole segments', "acl path0 path -m str -- '/api'", "acl path0 path -m beg -- '/api/'"],
    ['a wildcard needs a label', 'acl host0 var(txn.host) -m end -- .example.com'],
    [
      'the first rule that matches decides',
      'http-request set-var(txn.rule) int(0) if !{ var(txn.rule) -m found } host0 path0',
    ],
    ['a pool', 'use_backend web.api if { var(txn.rule) -m int 0 }'],
    [
      'a redirect',
      "http-request redirect location 'https://%[var(txn.host)]%[path]' code 301 if { var(txn.rule) -m int 1 }",
    ],
    ['a refusal', 'http-request return status 403 if { var(txn.rule) -m int 2 }'],
    ['affinity', 'balance source', 'hash-type consistent'],
    [
      'a member and its probe',
      'server 10.0.0.5_8080 10.0.0.5:8080 check inter 1000ms rise 3 fall 4',
      'timeout check 2s',
    ],
    ['the request of a probe', "http-check send meth GET uri '/health' ver HTTP/1.1 hdr Host h.example"],
    ['PROXY protocol, by IPv6', 'server fd00::5_80 ipv6@fd00::5:80 send-proxy-v2'],
  ])('%s', (_, ...lines) => expect(render()).toEqual(expect.arrayContaining(lines)))

  test('all listeners together have no more connections than memory', () => {
    const [web] = spec.listeners as [BalancerSpec['listeners'][number]]
    const ofThese = (...names: string[]) => render({ listeners: names.map((name) => ({ ...web, name })) })
    expect(ofThese('web', 'b').filter((line) => line.startsWith('maxconn '))).toEqual(Array(3).fill('maxconn 2000'))
    expect(render({ listeners: [{ ...web, maxConnections: 10 }] })).toContain('maxconn 10')
  })

  test('in an IPv6 Subnet it listens by IPv6', () => {
    const port = { ...spec.port, addresses: [{ address: 'fd00::11', prefixLength: 64 }] }
    expect(render({ port })).toContain('bind :::80 v6only')
  })

  test('whatever text the contract takes, it ends no line and no word', () => {
    const plainText = fc.stringMatching(/^[a-z0-9/.-]{0,8}$/)
    const text = fc.oneof({ arbitrary: plainText, weight: 3 }, fc.string({ unit: 'grapheme', maxLength: 20 }))
    const evil = fc.constantFrom('\n', "'", '"', '\\', '#', '$', '%[env(x)]', ' ', '\t', '\r', '\0')
    const hostile = fc
      .tuple(fc.constantFrom('/', '', 'a', '*.', '200'), text, fc.option(evil, { nil: '', freq: 2 }), text)
      .map((all) => all.join(''))
    const shape = (lines: readonly string[]) => lines.map((line) => line.split(' ').length)
    let taken = 0
    fc.assert(
      fc.property(
        hostile,
        fc.constantFrom('host', 'value', 'path', 'codes', 'name', 'to', 'address'),
        (value, where) => {
          const offered = structuredClone(spec)
          const [listener, [pool]] = [offered.listeners[0]!, offered.pools as [BalancerSpec['pools'][number]]]
          const [rule, redirect] = listener.rules as [(typeof listener.rules)[number], (typeof listener.rules)[number]]
          if (where === 'host') rule.hostnames = [value, 'b.example']
          if (where === 'value')
            rule.paths = [
              { type: 'Exact', value },
              { type: 'Exact', value: '/b' },
            ]
          if (where === 'path') pool.monitor!.http!.path = value
          if (where === 'codes') pool.monitor!.http!.expectedCodes = value
          if (where === 'name') listener.pool = value
          if (where === 'to') redirect.action = { type: 'redirect', statusCode: 301, hostname: value, path: '/' }
          if (where === 'address') pool.members[0]!.address = value
          const judged = BalancerSpec.safeParse(offered)
          if (!judged.success) return
          taken++
          const lines = renderHaproxy(judged.data, { chroot: '/c', stateFile: '/s' }).split('\n')
          expect(lines.filter((line) => ![PERCENT_LINE, ...HOST_LINES].includes(line)).join('\n')).not.toMatch(
            /["\\#$\t\r\0]|%\[env/,
          )
          const plain = structuredClone(offered)
          if (where === 'host') plain.listeners[0]!.rules[0]!.hostnames = ['a', 'b.example']
          if (where === 'value')
            plain.listeners[0]!.rules[0]!.paths = [
              { type: 'Exact', value: '/a' },
              { type: 'Exact', value: '/b' },
            ]
          if (where === 'path') plain.pools[0]!.monitor!.http!.path = '/a'
          if (where === 'to')
            plain.listeners[0]!.rules[1]!.action = { type: 'redirect', statusCode: 301, hostname: 'a', path: '/' }
          if (where === 'host' && value.startsWith('*.')) return
          expect(shape(lines)).toEqual(shape(renderHaproxy(plain, { chroot: '/c', stateFile: '/s' }).split('\n')))
        },
      ),
      { numRuns: 3000 },
    )
    expect(taken).toBeGreaterThan(50)
  })
})

test('keepalived knows the other node, which of them is preferred, and whether HAProxy runs', () => {
  const lines = renderKeepalived(spec, { healthFile: '/run/x/health', pidFile: '/run/x/haproxy.pid' }).split('\n')
  const wanted = [
    'priority 150',
    'unicast_src_ip 10.0.0.11',
    '10.0.0.12',
    '10.0.0.13/32 dev svc0',
    'file "/run/x/health"',
    'script "/usr/bin/pgrep --pidfile /run/x/haproxy.pid --exact haproxy"',
    // Else any guest says who serves.
    'vrrp_check_unicast_src',
  ]
  expect(lines).toEqual(expect.arrayContaining(wanted))
  const place = { healthFile: '/h', pidFile: '/p' }
  const other = renderKeepalived({ ...spec, standby: { peer: '10.0.0.11', isPreferred: false } }, place).split('\n')
  expect(other).toContain('priority 100')
})

test.each<[string, string, object[]]>([
  ['one that answers', 'web,10.0.0.5_8080,UP,L7OK,200', [{ isUp: true }]],
  ['one that has not failed often enough', 'web,10.0.0.5_8080,UP 1/2,* L4TOUT,', [{ isUp: true }]],
  ['one that does not', 'web,10.0.0.5_8080,DOWN,* L7STS,404', [{ isUp: false, why: 'L7STS 404' }]],
  ['one that nobody probes', 'web.api,fd00::5_80,no check,,', []],
  ['one of before', 'web,10.0.0.99_8080,DOWN,L4CON,', []],
])('of members HAProxy says: %s', (_, line, expected) => {
  const members = readMembers(`# pxname,svname,status,check_status,check_code\n${line}\n\n`, spec)
  expect(members).toEqual(expected.map((one) => ({ pool: 'web', address: '10.0.0.5', port: 8080, ...one })))
})

test('alone, the address is put there', () => {
  expect(planAddress(spec)).toEqual(['address replace 10.0.0.13/32 dev svc0'])
  expect(planAddress({ ...spec, sharedAddress: 'fd00::d' })).toEqual(['address replace fd00::d/128 dev svc0 nodad'])
})

test.each([
  ['fd00::5', 'fd000000000000000000000000000005'],
  ['::1', '00000000000000000000000000000001'],
  ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
])('the kernel lists %s as %s', (address, hex) => expect(inHex(address)).toBe(hex))
