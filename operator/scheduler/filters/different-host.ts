// SPDX-License-Identifier: Apache-2.0
import type { NameFilter } from './filter.ts'

/** No node that has one of the machines of the hint. */
export const differentHostFilter: NameFilter = {
  name: 'DifferentHostFilter',
  by: 'name',
  turnedBy: ['named'],
  named: ({ hints }) => hints?.differentHost ?? [],
  refuse: ({ name }, { hints }) =>
    hints?.differentHost?.has(name) === true ? 'has a machine of spec.schedulerHints.differentHost' : undefined,
}
