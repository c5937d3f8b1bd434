// SPDX-License-Identifier: Apache-2.0
// Our mark in a domain: <instance xmlns="https://nephele.dev/libvirt/1" uid= epoch= namespace= name=/> in <metadata>.
import { create } from 'xmlbuilder2'
import type { InstanceWant } from '../driver.ts'
import { parseXml } from './xml-element.ts'

export const METADATA_NAMESPACE = 'https://nephele.dev/libvirt/1'
export const METADATA_PREFIX = 'nephele'
/** XML 1.0 has no way to write most control characters: they become this. */
export const XML_OPTIONS = { invalidCharReplacement: '\uFFFD' } as const

export interface DomainMark {
  uid: string
  epoch: number | undefined
  namespace: string
  name: string
}

export function markAttributes(
  want: Pick<InstanceWant, 'uid' | 'epoch' | 'namespace' | 'name'>,
): Record<string, string> {
  return { '@uid': want.uid, '@epoch': String(want.epoch), '@namespace': want.namespace, '@name': want.name }
}

/** The element alone, as virDomainSetMetadata takes it; libvirt adds prefix and namespace. */
export function toMarkXml(want: Pick<InstanceWant, 'uid' | 'epoch' | 'namespace' | 'name'>): string {
  return create(XML_OPTIONS, { instance: markAttributes(want) }).end({ headless: true })
}

/** Undefined when it is not ours. @param xml as virDomainGetMetadata gives it */
export function readMark(xml: string): DomainMark | undefined {
  const element = parseXml(xml)
  const uid = element.getAttribute('uid')
  if (uid === null || uid === '') return undefined
  const epoch = Number(element.getAttribute('epoch'))
  return {
    uid,
    epoch: Number.isInteger(epoch) && epoch > 0 ? epoch : undefined,
    namespace: element.getAttribute('namespace') ?? '',
    name: element.getAttribute('name') ?? '',
  }
}
