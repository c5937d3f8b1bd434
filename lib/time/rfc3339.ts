// SPDX-License-Identifier: Apache-2.0

/** In whole seconds, as Kubernetes writes times (metav1.Time, RFC 3339): `2026-01-01T00:00:00Z`. */
export function toTime(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z')
}
