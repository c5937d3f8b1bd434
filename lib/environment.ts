// SPDX-License-Identifier: Apache-2.0
import type { z } from 'zod'

/**
 * A process's settings from its environment. An empty variable counts as absent: charts render both.
 *
 * @param of whose settings they are, for the message
 * @throws with the names of the variables that are missing or invalid
 */
export function readEnvironment<T extends z.ZodType>(
  schema: T,
  environment: NodeJS.ProcessEnv,
  of: string,
): z.output<T> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const { success, data, error } = schema.safeParse(given)
  if (success) return data
  const faults = error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`)
  throw new Error(`the environment of the ${of} is not complete: ${faults.join('; ')}`)
}

/** `host:port`, several joined by commas. */
export function listServers(text: string): string[] {
  return text.split(',').map((server) => server.trim())
}
