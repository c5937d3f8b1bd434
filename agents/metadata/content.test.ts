// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { InstanceDocument, PortDocument } from '../../lib/contract/documents.ts'
import type { NodeState } from '../runtime/reconciler.ts'
import { AnswerCache } from './answer-cache.ts'
import { configDriveFiles } from './content.ts'
import { GuestDirectory } from './guest-directory.ts'
import { RateLimit } from './rate-limit.ts'

const versions = { incarnation: 1, term: 1, epoch: 1, generation: 1 }
const base = { v: 1 as const, node: 'n1', namespace: 'ns', versions, tombstone: false as const }
const port = (uid: string, more: Partial<PortDocument['spec']> = {}): PortDocument => ({
  ...base,
  kind: 'port',
  uid,
  name: uid,
  spec: {
    logicalPort: uid,
    networkUid: 'net',
    mac: 'fa:16:3e:00:00:01',
    fixedIPs: [{ address: '10.0.0.5', prefixLength: 20 }],
    mtu: 1442,
    vnicType: 'normal',
    instanceUid: 'vm-1',
    ...more,
  },
})
const instance: InstanceDocument = {
  ...base,
  kind: 'instance',
  uid: 'vm-1',
  name: 'web',
  spec: {
    hostname: 'web',
    project: 'ns',
    runState: 'Running',
    restartPolicy: 'OnFailure',
    offlineRestart: false,
    vcpus: 1,
    memoryMiB: 64,
    rootDiskGiB: 0,
    ephemeralGiB: 0,
    swapMiB: 0,
    requireKvm: false,
    image: { uid: 'image-1', sha256: '0'.repeat(64), format: 'raw', properties: {} },
    ports: [{ uid: 'port-1', name: 'p', networkName: 'n' }],
    volumes: [],
    configDrive: true,
    userDataBase64: Buffer.from([0x23, 0x21, 0x00, 0xff]).toString('base64'),
    publicKeys: [
      { name: 'mine', key: 'ssh-ed25519 AAAA me' },
      { name: 'bad\n0=evil', key: 'ssh-rsa BBBB' },
    ],
    metadata: { '../../x': '"};', __proto__x: 'y' },
    availabilityZone: 'east',
  },
}
const source = { instance, ports: [port('port-1')] }
const get = (path: string): string => {
  const { status, body } = new AnswerCache().answer(source, path)
  return `${status} ${body.toString('latin1')}`
}

describe('the service', () => {
  test.each([
    ['/latest/meta-data/hostname', '200 web'],
    ['//latest//meta-data/local-ipv4/', '200 10.0.0.5'],
    ['/2009-04-04/meta-data/instance-id', '200 i-vm1'],
    ['/latest/meta-data/placement/availability-zone', '200 east'],
    ['/latest/meta-data/placement/', '200 availability-zone'],
    ['/latest/meta-data/public-keys/', '200 0=mine\n1=bad_0=evil'],
    ['/latest/meta-data/public-keys/0/', '200 openssh-key'],
    ['/latest/meta-data/public-keys/0/openssh-key', '200 ssh-ed25519 AAAA me'],
    ['/latest/user-data', '200 #!\0\xff'],
    ['/openstack/latest/user_data?x=y', '200 #!\0\xff'],
    ['/openstack/latest', '200 meta_data.json\nnetwork_data.json\nuser_data\nvendor_data.json\nvendor_data2.json'],
    ['/openstack/latest/vendor_data.json', '200 {}'],
  ])('%s', (path, want) => expect(get(path)).toBe(want))
  test.each([
    '/latest/meta-data/public-keys/.names',
    '/openstack/latest/../latest/meta_data.json',
    '/openstack/latest/%6deta_data.json',
    '/openstack/1999-01-01/meta_data.json',
    '/__proto__',
    '/constructor',
    'http://other/latest/meta-data/hostname',
    '*',
  ])('%s is not there', (path) => expect(get(path)).toBe('404 404 Not Found\n'))
  test('the root lists EC2 versions, openstack its own', () => {
    expect(get('/').split('\n')).toContain('2009-04-04')
    expect(get('/')).not.toContain('openstack')
    expect(get('/openstack').split('\n').at(-1)).toBe('latest')
  })
  test('meta_data.json keeps hostile text as text', () => {
    expect(JSON.parse(get('/openstack/latest/meta_data.json').slice(4))).toMatchObject({
      uuid: 'vm-1',
      name: 'web',
      project_id: 'ns',
      meta: { '../../x': '"};' },
      public_keys: { mine: 'ssh-ed25519 AAAA me' },
      keys: [{ name: 'mine', type: 'ssh' }, { name: 'bad\n0=evil' }],
    })
  })
})

test('the config drive has both layouts, and no path of a user', () => {
  const files = configDriveFiles(source)
  expect([...files.keys()].sort()).toEqual([
    'ec2/latest/meta-data.json',
    'ec2/latest/user-data',
    'openstack/latest/meta_data.json',
    'openstack/latest/network_data.json',
    'openstack/latest/user_data',
    'openstack/latest/vendor_data.json',
    'openstack/latest/vendor_data2.json',
  ])
})

test('network_data.json: DHCP by default, static with its routes where a subnet has none', () => {
  const fixed = { address: '10.0.0.5', prefixLength: 20, dhcp: false, gateway: '10.0.0.1', dnsNameservers: ['1.1.1.1'] }
  const ports = [port('port-1'), port('port-2', { fixedIPs: [fixed], vnicType: 'vhostuser' })]
  const data = JSON.parse(
    String(new AnswerCache().answer({ instance, ports }, '/openstack/latest/network_data.json').body),
  ) as object
  expect(data).toMatchObject({
    links: [
      { id: 'tapport-1', vif_id: 'port-1', type: 'ovs', mtu: 1442 },
      { id: 'tapport-2', vif_id: 'port-2', type: 'vhostuser' },
    ],
    networks: [
      { link: 'tapport-1', type: 'ipv4_dhcp' },
      {
        link: 'tapport-2',
        type: 'ipv4',
        netmask: '255.255.240.0',
        routes: [{ gateway: '10.0.0.1' }, { network: '169.254.169.254', gateway: '0.0.0.0' }],
      },
    ],
    services: [{ type: 'dns', address: '1.1.1.1' }],
  })
})

describe('GuestDirectory', () => {
  const stateOf = (...documents: (InstanceDocument | PortDocument)[]): NodeState => ({
    find: (kind, uid) => documents.find((d) => d.kind === kind && d.uid === uid) as never,
    list: () => [],
    findObserved: () => undefined,
  })
  test('one address on two networks is two guests', () => {
    const directory = new GuestDirectory()
    const state = stateOf(instance, port('port-1'))
    directory.add(port('port-1'), state)
    expect(directory.find('net', '10.0.0.5')?.instance.uid).toBe('vm-1')
    expect(directory.find('other', '10.0.0.5')).toBeUndefined()
    expect(directory.find('net', '10.0.0.6')).toBeUndefined()
    expect(directory.remove('port-1')).toBe('net')
    expect(directory.find('net', '10.0.0.5')).toBeUndefined()
    expect(directory.hasPortOn('net')).toBe(false)
  })
  test('a port that claims an instance which does not name it gets nothing', () => {
    const directory = new GuestDirectory()
    const stray = port('port-9', { fixedIPs: [{ address: '10.0.0.9', prefixLength: 24 }] })
    directory.add(stray, stateOf(instance, port('port-1'), stray))
    expect(directory.find('net', '10.0.0.9')).toBeUndefined()
  })
})

test('RateLimit: a burst, then the rate, each source for itself', () => {
  const limit = new RateLimit({ perSecond: 10, burst: 2 })
  expect([1, 2, 3].map(() => limit.take('a', 0))).toEqual([true, true, false])
  expect(limit.take('b', 0)).toBe(true)
  expect(limit.take('a', 100)).toBe(true)
  expect(limit.take('a', 100)).toBe(false)
})
