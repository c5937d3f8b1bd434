// SPDX-License-Identifier: Apache-2.0
import { create } from 'xmlbuilder2'

/** The part of DOM's Element that is used; TypeScript's own DOM types would bring the browser's globals along. */
export interface XmlElement {
  getAttribute(name: string): string | null
  getElementsByTagName(name: string): Iterable<XmlElement>
  readonly textContent: string | null
}

/** The root element. @throws when it is not well-formed */
export function parseXml(xml: string): XmlElement {
  return create(xml).root().node as unknown as XmlElement
}
