// SPDX-License-Identifier: Apache-2.0
import type { OnlyFilter } from './filter.ts'

/** Only nodes that have one of the machines of the hint. */
export const sameHostFilter: OnlyFilter = {
  name: 'SameHostFilter',
  by: 'only',
  turnedBy: ['named'],
  allowed: ({ hints }) => hints?.sameHost,
  refuse: ({ name }, { hints }) =>
    hints?.sameHost === undefined || hints.sameHost.has(name)
      ? undefined
      : 'has none of the machines of spec.schedulerHints.sameHost',
}
