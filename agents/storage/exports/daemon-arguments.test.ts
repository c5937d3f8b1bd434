// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { authorization, credentialsDirOf, daemonArguments, exportOptions, runsWith } from './daemon-arguments.ts'
import { controlGroupFiles, onHost, systemdCommand } from '../../daemons/launcher.ts'
import { choosePort } from './ports.ts'

const settings = {
  id: 'v1',
  path: '/pool/v1.raw',
  format: 'raw' as const,
  address: '10.0.0.1',
  port: 10900,
  tls: { dir: '/pki/nbd/server', fingerprint: 'abc' },
  pidFile: '/run/v1.pid',
  qmpSocket: '/run/a,b/v1.qmp',
}

test('the format is always said, links to other files never followed, TLS and the list of nodes required', () => {
  const line = daemonArguments(settings)
  const objects = line.filter((arg) => arg.startsWith('{')).map((arg) => JSON.parse(arg) as Record<string, unknown>)
  expect(objects).toContainEqual(
    expect.objectContaining({ 'qom-type': 'tls-creds-x509', 'verify-peer': true, endpoint: 'server' }),
  )
  expect(objects).toContainEqual(expect.objectContaining({ driver: 'raw', file: 'file' }))
  expect(objects).toContainEqual({
    addr: { type: 'inet', host: '10.0.0.1', port: '10900' },
    'tls-creds': 'tls-abc',
    'tls-authz': 'nodes',
  })
  expect(line).toContain('socket,id=qmp,path=/run/a,,b/v1.qmp,server=on,wait=off')
  const qcow2 = daemonArguments({ ...settings, format: 'qcow2' }).filter((arg) => arg.includes('"driver":"qcow2"'))
  expect(JSON.parse(qcow2[0]!)).toMatchObject({ backing: null })
})

test('what is acknowledged is on the disk: a host that loses power loses nothing of it', () => {
  expect(exportOptions('v1').writethrough).toBe(true)
  for (const format of ['raw', 'qcow2'] as const) {
    const [options] = daemonArguments({ ...settings, format }).filter((arg) => arg.includes('"type":"nbd"'))
    expect(JSON.parse(options!)).toMatchObject({ writethrough: true })
  }
})

const [KEY_A, KEY_B] = ['a'.repeat(40), 'b'.repeat(40)]

test('holders are let in by node and key, the whole name in their certificate, in a stable order', () => {
  const holders = [
    { node: 'b.example.com', key: KEY_B },
    { node: 'a', key: KEY_A },
  ]
  expect(authorization(holders)).toEqual({
    'qom-type': 'authz-list',
    id: 'nodes',
    policy: 'deny',
    rules: [
      { match: `CN=a,OU=${KEY_A}`, policy: 'allow', format: 'exact' },
      { match: `CN=b.example.com,OU=${KEY_B}`, policy: 'allow', format: 'exact' },
    ],
  })
  expect(authorization(holders.slice(1), true).rules.map((r) => r.match)).toEqual(['CN=a', `CN=a,OU=${KEY_A}`])
  expect(authorization([{ node: 'a', key: undefined }]).rules).toEqual([])
})

test.each(['', 'a,O=x', 'A', '*', 'a b', '-a'])('%j is no node', (name) => {
  expect(() => authorization([{ node: name, key: KEY_A }])).toThrow('node name')
})

test.each(['', 'x', `${KEY_A},O=x`, KEY_A.toUpperCase()])('%j is no key', (key) => {
  expect(() => authorization([{ node: 'a', key }])).toThrow('not a key')
})

test('other credentials are no other settings; anything else is', () => {
  const line = ['qsd', '--object', JSON.stringify(authorization([])), ...daemonArguments(settings)]
  const renewed = { ...settings, tls: { dir: '/elsewhere', fingerprint: 'def' } }
  expect(runsWith(line, daemonArguments(renewed))).toBe(true)
  expect(runsWith(line, daemonArguments({ ...settings, port: 10901 }))).toBe(false)
  expect(runsWith(line, daemonArguments({ ...settings, path: '/pool/v2.raw' }))).toBe(false)
  expect(runsWith(['qsd'], daemonArguments(settings))).toBe(false)
  expect(credentialsDirOf(line)).toBe('/pki/nbd/server')
  expect(credentialsDirOf(['qsd'])).toBeUndefined()
})

test('ports are given from the bottom, each once', () => {
  const range = { first: 5, last: 7 }
  expect(choosePort(range, new Set())).toBe(5)
  expect(choosePort(range, new Set([5, 7]))).toBe(6)
  expect(choosePort(range, new Set([5, 6, 7]))).toBeUndefined()
})

test('as a unit, and on the host from within a pod', () => {
  const argv = ['qsd', '--daemonize'] as const
  const daemon = { name: 'nephele-volume-v1', argv, pidFile: '/run/v1.pid', folder: '/srv/a "pool"' }
  expect(onHost(systemdCommand(daemon))).toEqual([
    ...['nsenter', '--target', '1', '--mount', '--uts', '--ipc', '--net', '--pid', '--'],
    ...[
      'systemd-run',
      '--quiet',
      '--collect',
      '--unit=nephele-volume-v1',
      '--property=Type=forking',
      '--property=PIDFile=/run/v1.pid',
      // Stopped after the guests of this host, and before its file system.
      '--property=Before=libvirt-guests.service libvirtd.service virtqemud.service',
      '--property=RequiresMountsFor="/srv/a \\"pool\\""',
      '--',
    ],
    ...['qsd', '--daemonize'],
  ])
})

test.each([
  ['0::/init.scope\n', ['/sys/fs/cgroup/init.scope/cgroup.procs']],
  ['0::/\n', ['/sys/fs/cgroup/cgroup.procs']],
  [
    '5:cpu,cpuacct:/\n4:memory:/a/b\n1:name=systemd:/init.scope\n0::/init.scope\n',
    [
      '/sys/fs/cgroup/cpu,cpuacct/cgroup.procs',
      '/sys/fs/cgroup/memory/a/b/cgroup.procs',
      '/sys/fs/cgroup/systemd/init.scope/cgroup.procs',
      '/sys/fs/cgroup/unified/init.scope/cgroup.procs',
    ],
  ],
])('the control groups of %j', (cgroup, files) => {
  expect(controlGroupFiles(cgroup)).toEqual(files)
})
