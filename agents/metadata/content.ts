// SPDX-License-Identifier: Apache-2.0
// The metadata that cloud-init and its like read, in OpenStack's and EC2's layout. Pure: the same files go onto the config drive and out
// over HTTP. https://docs.openstack.org/nova/latest/user/metadata.html
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
import type { InstanceDocument, PortDocument } from '../../lib/contract/documents.ts'
import { networkData } from './network-data.ts'

export interface MetadataSource {
  instance: InstanceDocument
  /** In the order of the NICs, then those on their VLANs; those whose documents are on this node. */
  ports: readonly PortDocument[]
}

/** Content by path, without a leading slash. */
export type MetadataFiles = ReadonlyMap<string, string | Buffer>

/** Nova's versions, all with the same content here. Clients use the newest one that they know. */
export const OPENSTACK_VERSIONS = [
  '2012-08-10',
  '2013-04-04',
  '2013-10-17',
  '2015-10-15',
  '2016-06-30',
  '2016-10-06',
  '2017-02-22',
  '2018-08-27',
  'latest',
] as const
const EC2_VERSIONS = [
  '1.0',
  '2007-01-19',
  '2007-03-01',
  '2007-08-29',
  '2007-10-10',
  '2007-12-15',
  '2008-02-01',
  '2008-09-01',
  '2009-04-04',
  'latest',
] as const

/** For a config drive: a file system labelled `config-2` with these files. */
export function configDriveFiles(source: MetadataSource): MetadataFiles {
  const files = new Map<string, string | Buffer>()
  for (const [name, content] of openstackFiles(source)) files.set(`openstack/latest/${name}`, content)
  const userData = userDataOf(source)
  files.set('ec2/latest/meta-data.json', toJson(ec2Object(source)))
  if (userData) files.set('ec2/latest/user-data', userData)
  return files
}

/** All files of the HTTP service, by path. Folders exist through the paths below them. */
export function serviceFiles(source: MetadataSource): MetadataFiles {
  const files = new Map<string, string | Buffer>()
  for (const version of OPENSTACK_VERSIONS) {
    for (const [name, content] of openstackFiles(source)) files.set(`openstack/${version}/${name}`, content)
  }
  const userData = userDataOf(source)
  for (const version of EC2_VERSIONS) {
    for (const [name, content] of ec2Files(source)) files.set(`${version}/meta-data/${name}`, content)
    if (userData) files.set(`${version}/user-data`, userData)
  }
  return files
}

/** The names below `path`, folders with a trailing slash; undefined when there are none. */
export function listFolder(files: MetadataFiles, path: string): string[] | undefined {
  const prefix = path === '' ? '' : `${path}/`
  const names = new Set<string>()
  for (const file of files.keys()) {
    if (!file.startsWith(prefix)) continue
    const [name = '', ...below] = file.slice(prefix.length).split('/')
    names.add(below.length > 0 ? `${name}/` : name)
  }
  if (names.size === 0) return undefined
  // EC2 lists a key as index=name, and serves it by its index.
  if (path.endsWith('/public-keys')) return keyListing(files, prefix)
  return [...names].sort()
}

function keyListing(files: MetadataFiles, prefix: string): string[] {
  return String(files.get(`${prefix}.names`) ?? '')
    .split('\n')
    .filter((line) => line !== '')
}

function openstackFiles(source: MetadataSource): [string, string | Buffer][] {
  const userData = userDataOf(source)
  return [
    ['meta_data.json', toJson(metaData(source))],
    ['network_data.json', toJson(networkData(source.ports))],
    ['vendor_data.json', toJson({})],
    ['vendor_data2.json', toJson({})],
    ...(userData ? ([['user_data', userData]] as [string, Buffer][]) : []),
  ]
}

function metaData({ instance }: MetadataSource): unknown {
  const { spec } = instance
  return {
    uuid: instance.uid,
    name: instance.name,
    hostname: spec.hostname,
    project_id: spec.project,
    launch_index: 0,
    availability_zone: spec.availabilityZone ?? 'nova',
    meta: spec.metadata,
    public_keys: Object.fromEntries(spec.publicKeys.map(({ name, key }) => [name, key])),
    keys: spec.publicKeys.map(({ name, key }) => ({ name, type: 'ssh', data: key })),
    devices: [],
  }
}

function ec2Object(source: MetadataSource): Record<string, unknown> {
  const flat = ec2Files(source).filter(([name]) => !name.includes('/'))
  return Object.fromEntries(flat)
}

/** Names chosen by users appear in values only, never in paths. */
function ec2Files({ instance, ports }: MetadataSource): [string, string][] {
  const { spec } = instance
  const id = instance.uid.replaceAll('-', '').slice(0, 8)
  const first = ports[0]?.spec
  const address = first?.fixedIPs.find((ip) => !ip.address.includes(':'))?.address
  const keys = spec.publicKeys
  return [
    ['ami-id', `ami-${spec.image.uid.replaceAll('-', '').slice(0, 8)}`],
    ['ami-launch-index', '0'],
    ['hostname', spec.hostname],
    ['instance-action', 'none'],
    ['instance-id', `i-${id}`],
    ['local-hostname', spec.hostname],
    ['public-hostname', spec.hostname],
    ['reservation-id', `r-${id}`],
    ['placement/availability-zone', spec.availabilityZone ?? 'nova'],
    ['block-device-mapping/ami', 'vda'],
    ['block-device-mapping/root', '/dev/vda'],
    ...(first ? ([['mac', first.mac]] as [string, string][]) : []),
    ...(address ? ([['local-ipv4', address]] as [string, string][]) : []),
    ...keys.map(({ key }, index): [string, string] => [`public-keys/${index}/openssh-key`, key]),
    ...(keys.length > 0
      ? ([['public-keys/.names', keys.map(({ name }, index) => `${index}=${name.replace(/\s/g, '_')}`).join('\n')]] as [
          string,
          string,
        ][])
      : []),
  ]
}

function userDataOf({ instance }: MetadataSource): Buffer | undefined {
  const { userDataBase64 } = instance.spec
  return userDataBase64 ? Buffer.from(userDataBase64, 'base64') : undefined
}

function toJson(value: unknown): string {
  return JSON.stringify(value)
}
