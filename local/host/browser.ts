// SPDX-License-Identifier: Apache-2.0
import { chromium, type Browser } from 'playwright-core'
import { findProgram, TEST_PREREQUISITES } from './prerequisites.ts'

/**
 * Debian's chromium without a display, which takes any certificate. @param hosts names that lead to `address:port`
 * @throws when it is not installed: `node local/cloud/prepare.ts browser` does
 */
export async function launchBrowser(hosts: Readonly<Record<string, string>> = {}): Promise<Browser> {
  const { program } = TEST_PREREQUISITES.browser
  const executablePath = findProgram(program)
  if (executablePath === undefined) throw new Error(`${program} is missing: node local/cloud/prepare.ts browser`)
  const rules = Object.entries(hosts).map(([name, to]) => `MAP ${name} ${to}`)
  const args = rules.length === 0 ? [] : [`--host-resolver-rules=${rules.join(', ')}`]
  // Tests are root's, whom its sandbox does not serve; what they show it is their own.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--ignore-certificate-errors', ...args] })
}
