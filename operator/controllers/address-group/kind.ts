// SPDX-License-Identifier: Apache-2.0
import type { AddressGroup } from '../../../lib/api/types.ts'
import type { KindRow } from '../../kind/row.ts'
import { oneOfData } from '../../quota/quota-use.ts'

export const addressGroupKind: KindRow<AddressGroup> = { quota: oneOfData('addressGroups') }
