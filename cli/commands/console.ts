// SPDX-License-Identifier: Apache-2.0
import { CONSOLE_ACCESS, GROUP, INSTANCE, SECRET, VERSION } from '../../lib/api/kinds.ts'
import type { ConsoleAccess, Instance, Secret } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import { attachTerminal } from '../command-line/attach-terminal.ts'
import { UsageError, type Command, type Context } from '../command-line/command.ts'
import { findUser, makeName } from '../command-line/do-action.ts'
import { getObject } from '../command-line/find-kind.ts'
import { WaitError, waitForObject } from '../command-line/wait-for-object.ts'

/** For which it may be opened: it is, at once. */
const TTL_SECONDS = 60

export const consoleCommand: Command = {
  name: 'console',
  usage: 'NAME [--force]',
  summary: 'the serial console of a machine, in this terminal: Ctrl-] leaves it; --force takes it over from another',
  completes: 'instances',
  arguments: { least: 1, most: 1 },
  takesForce: true,
  async run(context, [machine = '']) {
    const access = await makeAccess(context, machine)
    const { url, token } = await waitForToken(context, access).catch(async (error: unknown) => {
      // Whoever gives up leaves nothing behind that opens a console.
      const { namespace = '', name } = access.metadata
      await context.client.remove(CONSOLE_ACCESS, { namespace, name }).catch(() => undefined)
      throw error
    })
    context.progress('')
    return attachTerminal({ url, token, name: machine, print: context.print, signal: context.signal })
  },
}

async function makeAccess(context: Context, machine: string): Promise<ConsoleAccess> {
  const { client, namespace, signal, isForced } = context
  await getObject<Instance>(context, INSTANCE, machine)
  const requestedBy = await findUser(context)
  const name = makeName(machine, 'console')
  return client.create<ConsoleAccess>(
    CONSOLE_ACCESS,
    {
      ...{ apiVersion: `${GROUP}/${VERSION}`, kind: CONSOLE_ACCESS.kind, metadata: { namespace, name } },
      spec: {
        ...{ instanceRef: { name: machine }, type: 'Serial', ttlSeconds: TTL_SECONDS, force: isForced },
        ...(requestedBy === undefined ? {} : { requestedBy }),
      },
    },
    { signal },
  )
}

/** @throws UsageError when it is refused, or takes too long */
async function waitForToken(context: Context, made: ConsoleAccess): Promise<{ url: string; token: string }> {
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
