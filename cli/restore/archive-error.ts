// SPDX-License-Identifier: Apache-2.0

/** What is wrong with an archive that somebody gave us; its message goes on after the file's name. */
export class ArchiveError extends Error {
  override name = 'ArchiveError'
}
