// SPDX-License-Identifier: Apache-2.0

/** Of this source; a test compares it with package.json and the chart. */
export const VERSION = '0.1.0'

/** NEPHELE_VERSION, which the chart sets to its appVersion. */
export function versionOf({ NEPHELE_VERSION: version }: NodeJS.ProcessEnv): string {
  return version === undefined || version === '' ? VERSION : version
}
