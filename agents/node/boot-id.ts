// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'

/** The kernel's id of this boot, or that of another file where nodes share a kernel. @throws when the file is missing or has no id */
export async function readBootId(file: string): Promise<string> {
  const text = (await readFile(file, 'utf8')).trim()
  if (!/^[0-9a-zA-Z-]{8,64}$/.test(text)) throw new Error(`${file} holds no boot id`)
  return text
}
