// SPDX-License-Identifier: Apache-2.0
import type { Changes } from '../places.ts'

export interface RuleCase {
  kind: string
  /** The field that holds the rule, as in Field.path. */
  path: string
  /** A part of the rule's message. */
  says: string
  /** What makes the object break the rule; several lists are several refused objects. */
  bad: Changes | Changes[]
  /** What keeps it within the rule, beside the sample itself. */
  good?: Changes[]
  /** Which sample is changed; the first when absent. */
  sample?: number
  /** Changes made before the object is created, for rules that compare with the old object. */
  before?: Changes
  /** The object has the sample's status when it is updated. */
  observed?: boolean
  /** The rule compares with the old object: the object is created first, `bad` and `good` are updates. */
  transition?: boolean
}

/** A change that is refused. */
export const changed = (
  kind: string,
  path: string,
  says: string,
  bad: Changes | Changes[],
  more: Partial<RuleCase> = {},
): RuleCase => ({
  kind,
  path,
  says,
  bad,
  transition: true,
  ...more,
})
