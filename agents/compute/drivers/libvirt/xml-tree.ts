// SPDX-License-Identifier: Apache-2.0
import { create } from 'xmlbuilder2'

/** Elements by name; `@name` is an attribute, `#` is text. */
export type XmlTree = Record<string, unknown>

/** XML 1.0 cannot express most control characters: they become this. */
const REPLACEMENT = '\uFFFD'

/** Text of a tree with one root element, without the XML declaration. */
export function writeXml(tree: XmlTree, prettyPrint = false): string {
  return create({ invalidCharReplacement: REPLACEMENT }, tree).end({ prettyPrint, headless: true })
}
