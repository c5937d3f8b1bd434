// SPDX-License-Identifier: Apache-2.0
import type { QoSPolicy } from '../../../lib/api/types.ts'
import type { KindRow } from '../../kind/row.ts'
import { oneOfData } from '../../quota/quota-use.ts'

export const qosPolicyKind: KindRow<QoSPolicy> = { quota: oneOfData('qosPolicies') }
