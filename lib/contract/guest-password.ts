// SPDX-License-Identifier: Apache-2.0

/** Of a user in a guest: nothing that chpasswd or a shell reads as more than a name. */
export const USER_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/
/** Printable characters and spaces, without a line break, which chpasswd would take for the next user. */
const PASSWORD = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u
const MOST_PASSWORD_BYTES = 128

/** Whether a guest can be given it. */
export function isPassword(text: string): boolean {
  return PASSWORD.test(text) && Buffer.byteLength(text) <= MOST_PASSWORD_BYTES
}
