// SPDX-License-Identifier: Apache-2.0
import type { OnlyFilter } from './filter.ts'

/** The node that an administrator names; all other filters hold there, too, as with `openstack server create --host`. */
export const requestedNodeFilter: OnlyFilter = {
  name: 'RequestedNodeFilter',
  by: 'only',
  turnedBy: [],
  allowed: ({ hints }) => (hints?.node === undefined ? undefined : [hints.node]),
  refuse: ({ name }, { hints }) =>
    hints?.node === undefined || hints.node === name ? undefined : `is not ${hints.node} of spec.schedulerHints.node`,
}
