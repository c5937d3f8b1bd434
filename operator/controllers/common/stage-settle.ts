// SPDX-License-Identifier: Apache-2.0
/**
 * Of what a machine is made of: so long a stage of its way may last before it is written. A slow host writes no more than a fast one,
 * and nobody asks sooner (docs/decisions/0021).
 */
export const STAGE_SETTLE_MS = 3_000
