// SPDX-License-Identifier: Apache-2.0
import { rm } from 'node:fs/promises'
import { readIfThere, writeWhole } from '../../lib/durable-files.ts'

/**
 * A configuration file of a daemon, and beside it, as `FILE.loaded`, what the daemon is known to have read. An attempt that is interrupted, in whatever
 * way, leaves the latter absent: so it is made again.
 */
export async function isLoaded(file: string, text: string): Promise<boolean> {
  return (await readIfThere(`${file}.loaded`)) === text
}

/** @param read lets the daemon read the file */
export async function load(file: string, text: string, read: () => Promise<unknown>): Promise<void> {
  await rm(`${file}.loaded`, { force: true })
  await writeWhole(file, text)
  await read()
  await writeWhole(`${file}.loaded`, text)
}
