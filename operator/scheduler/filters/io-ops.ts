// SPDX-License-Identifier: Apache-2.0
import type { BoundFilter } from './filter.ts'
import { settingsOf } from './settings.ts'

/** No more than maxIoOpsPerHost of the profile machines that are being built on a node at a time. */
export const ioOpsFilter: BoundFilter = {
  name: 'IoOpsFilter',
  by: 'bound',
  turnedBy: ['built'],
  column: 'ioOps',
  most: (_, request) => settingsOf(request).maxIoOpsPerHost,
  refuse({ ioOps }, request) {
    const most = settingsOf(request).maxIoOpsPerHost
    return ioOps < most ? undefined : `has ${ioOps} machines that are being built, ${most} may be`
  },
}
