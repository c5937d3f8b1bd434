// SPDX-License-Identifier: Apache-2.0

/** Of a UID: enough to tell the objects of one cloud apart in a log. */
const UID_CHARACTERS = 8

/**
 * By which all processes name one change of one object in their logs, such as `9e5c732d.4`: the first eight characters of its UID and its
 * metadata.generation. Pure.
 */
export function changeOf({
  uid = '',
  generation = 0,
}: {
  uid?: string | undefined
  generation?: number | undefined
}): string {
  return `${uid.slice(0, UID_CHARACTERS)}.${generation}`
}
