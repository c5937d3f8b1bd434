// SPDX-License-Identifier: Apache-2.0
import type { NameFilter } from './filter.ts'

/** Not the nodes that refused this machine a moment ago. */
export const retryFilter: NameFilter = {
  name: 'RetryFilter',
  by: 'name',
  turnedBy: [],
  named: ({ excluded }) => excluded.keys(),
  refuse: ({ name }, { excluded }) => excluded.get(name),
}
