// SPDX-License-Identifier: Apache-2.0
import type { SchedulerProfile } from '../../../lib/api/types.ts'
import type { KindRow } from '../../kind/row.ts'

export const schedulerProfileKind: KindRow<SchedulerProfile> = {}
