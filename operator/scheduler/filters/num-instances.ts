// SPDX-License-Identifier: Apache-2.0
import type { BoundFilter } from './filter.ts'
import { settingsOf } from './settings.ts'

/** No more than maxInstancesPerHost of the profile machines on a node at a time. */
export const numInstancesFilter: BoundFilter = {
  name: 'NumInstancesFilter',
  by: 'bound',
  turnedBy: ['freed'],
  column: 'instances',
  most: (_, request) => settingsOf(request).maxInstancesPerHost,
  refuse({ instances }, request) {
    const most = settingsOf(request).maxInstancesPerHost
    return instances < most ? undefined : `has ${instances} machines, ${most} may be`
  },
}
