// SPDX-License-Identifier: Apache-2.0
import { CONSOLE_ACCESS, GROUP, INSTANCE, SECRET, VERSION } from '../../lib/api/kinds.ts'
import type { ConsoleAccess, Instance, Secret } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import { UsageError, type Context } from './command.ts'
import { findUser, makeName } from './do-action.ts'
import { getObject } from './find-kind.ts'
import { WaitError, waitForObject } from './wait-for-object.ts'

export interface AccessWanted {
  type: NonNullable<ConsoleAccess['spec']['type']>
  ttlSeconds: number
}

export interface Access {
  url: string
  token: string
}

/**
 * Makes a ConsoleAccess of the machine, in one's own name, and waits until it may be opened. Whoever gives up leaves nothing behind that opens a
 * console. @throws UsageError when it is refused, or takes too long
 */
export async function makeConsoleAccess(context: Context, machine: string, wanted: AccessWanted): Promise<Access> {
  const access = await makeAccess(context, machine, wanted)
  return waitForToken(context, access).catch(async (error: unknown) => {
    const { namespace = '', name } = access.metadata
    await context.client.remove(CONSOLE_ACCESS, { namespace, name }).catch(() => undefined)
    throw error
  })
}

/** In the names of those that are made here. */
const NAMES: Readonly<Record<AccessWanted['type'], string>> = { Serial: 'console', VNC: 'vnc', Log: 'log' }

/** A person copies a URL, and goes to another window. */
const URL_TTL_SECONDS = 120

/** On the output alone, for a person or a script that opens it. @returns the exit code */
export async function printConsoleUrl(context: Context, machine: string, type: AccessWanted['type']): Promise<number> {
  const access = await makeConsoleAccess(context, machine, { type, ttlSeconds: URL_TTL_SECONDS })
  context.progress('')
  context.print(toPageUrl(access))
  return 0
}

/** What is behind `#` a browser sends to nobody. Pure. */
function toPageUrl({ url, token }: Access): string {
  return `${url}#${new URLSearchParams({ token }).toString()}`
}

async function makeAccess(context: Context, machine: string, wanted: AccessWanted): Promise<ConsoleAccess> {
  const { client, namespace, signal, isForced } = context
  await getObject<Instance>(context, INSTANCE, machine)
  const requestedBy = await findUser(context)
  const name = makeName(machine, NAMES[wanted.type])
  return client.create<ConsoleAccess>(
    CONSOLE_ACCESS,
    {
      ...{ apiVersion: `${GROUP}/${VERSION}`, kind: CONSOLE_ACCESS.kind, metadata: { namespace, name } },
      spec: {
        ...{ instanceRef: { name: machine }, ...wanted, force: isForced },
        ...(requestedBy === undefined ? {} : { requestedBy }),
      },
    },
    { signal },
  )
}

async function waitForToken(context: Context, made: ConsoleAccess): Promise<Access> {
  const { client, signal, timeoutMs, progress } = context
  const { namespace = '', name } = made.metadata
  let latest = made
  const access = await waitForObject<ConsoleAccess>(
    client,
    { kind: CONSOLE_ACCESS, ref: { namespace, name } },
    {
      isWanted: ({ status }) => status?.state === 'Ready' || status?.state === 'Failed',
      onChange: (one) => {
        latest = one
        progress(`waiting for the console: ${whyOf(one)}`)
      },
      ...{ timeoutMs, signal },
    },
  ).catch((error: unknown) => {
    throw error instanceof WaitError ? new UsageError(`${error.message}: ${whyOf(latest)}`) : error
  })
  const { state, url, tokenSecretRef } = access.status ?? {}
  if (state === 'Failed' || url === undefined || !tokenSecretRef) throw new UsageError(`no console: ${whyOf(access)}`)
  const secret = await client.find<Secret>(SECRET, { namespace, name: tokenSecretRef.name }, { signal })
  const token = Buffer.from(secret?.data?.['token'] ?? '', 'base64').toString('utf8')
  if (token === '') throw new UsageError(`Secret "${tokenSecretRef.name}" has no token: make a new ConsoleAccess`)
  return { url, token }
}

function whyOf({ status }: ConsoleAccess): string {
  const ready = findCondition(status?.conditions, 'Ready')
  return ready ? `${ready.reason}: ${ready.message}` : (status?.state ?? 'Pending')
}
