// SPDX-License-Identifier: Apache-2.0
/**
 * How long a machine, or one of its parts, may wait at a stage before its status says so: a slow host then causes no more writes than a
 * fast one (docs/decisions/0021).
 */
export const STAGE_SETTLE_MS = 3_000
