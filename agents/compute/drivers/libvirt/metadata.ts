// SPDX-License-Identifier: Apache-2.0
// Our mark in a domain: <instance xmlns="https://nephele.dev/libvirt/1" uid= epoch= namespace= name=> in <metadata>, with a <nic mac= port=
// networkUid= network= addresses=/> for each interface. By it a machine is recognized when all other records of it are lost.
import { ObservedNic } from '../../../../lib/contract/documents.ts'
import type { InstanceWant } from '../../instance-driver.ts'
import { parseXml, type XmlElement } from './xml-element.ts'
import { writeXml, type XmlTree } from './xml-tree.ts'

export const METADATA_NAMESPACE = 'https://nephele.dev/libvirt/1'
export const METADATA_PREFIX = 'nephele'

export interface DomainMark {
  uid: string
  epoch: number | undefined
  namespace: string
  name: string
  /** Undefined in marks of older agents, which wrote none. */
  nics: ObservedNic[] | undefined
}

export type Marked = Pick<InstanceWant, 'uid' | 'epoch' | 'namespace' | 'name'> & { nics: readonly ObservedNic[] }

/** @param prefix the namespace prefix with its colon, where it has to be written out */
export function markTree(want: Marked, prefix: string): XmlTree {
  const nics = want.nics.map(({ mac, portUid, networkUid, network, addresses = [] }) => ({
    '@mac': mac,
    ...(portUid === undefined ? {} : { '@port': portUid }),
    ...(networkUid === undefined ? {} : { '@networkUid': networkUid }),
    ...(network === undefined ? {} : { '@network': network }),
    '@addresses': addresses.join(' '),
  }))
  return {
    '@uid': want.uid,
    '@epoch': String(want.epoch),
    '@namespace': want.namespace,
    '@name': want.name,
    ...(nics.length === 0 ? {} : { [`${prefix}nic`]: nics }),
  }
}

/** The element alone, as virDomainSetMetadata takes it; libvirt adds prefix and namespace. */
export function toMarkXml(want: Marked): string {
  return writeXml({ instance: markTree(want, '') })
}

/** Undefined when it is not our mark. @param xml as virDomainGetMetadata returns it */
export function readMark(xml: string): DomainMark | undefined {
  const element = parseXml(xml)
  const uid = element.getAttribute('uid')
  if (uid === null || uid === '') return undefined
  const epoch = Number(element.getAttribute('epoch'))
  const nics = ['nic', `${METADATA_PREFIX}:nic`].flatMap((name) => [...element.getElementsByTagName(name)])
  return {
    uid,
    epoch: Number.isInteger(epoch) && epoch > 0 ? epoch : undefined,
    namespace: element.getAttribute('namespace') ?? '',
    name: element.getAttribute('name') ?? '',
    nics: nics.length === 0 ? undefined : nics.flatMap((nic) => readNic(nic) ?? []),
  }
}

/** A damaged one is skipped. */
function readNic(nic: XmlElement): ObservedNic | undefined {
  const text = (name: string): string | undefined => nic.getAttribute(name) ?? undefined
  return ObservedNic.safeParse({
    mac: text('mac'),
    portUid: text('port'),
    networkUid: text('networkUid'),
    network: text('network'),
    addresses: text('addresses')
      ?.split(' ')
      .filter((address) => address !== ''),
  }).data
}
