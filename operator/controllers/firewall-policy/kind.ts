// SPDX-License-Identifier: Apache-2.0
import type { FirewallPolicy } from '../../../lib/api/types.ts'
import type { KindRow } from '../../kind/row.ts'
import { oneOfData } from '../../quota/quota-use.ts'

export const firewallPolicyKind: KindRow<FirewallPolicy> = { quota: oneOfData('firewallPolicies') }
