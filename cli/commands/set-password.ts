// SPDX-License-Identifier: Apache-2.0
import { ADMIN_PASSWORD_LABEL, GROUP, INSTANCE_ACTION, SECRET, VERSION } from '../../lib/api/kinds.ts'
import type { InstanceAction, Secret } from '../../lib/api/types.ts'
import { isPassword, USER_NAME } from '../../lib/contract/guest-password.ts'
import { messageOf } from '../../lib/errors.ts'
import { UsageError, type Command, type Context } from '../command-line/command.ts'
import { createAction, makeName, waitForEnd } from '../command-line/do-action.ts'

/** Ours alone to remove, also when Ctrl-C has ended all else. */
const REMOVE_MS = 10_000

export const setPassword: Command = {
  name: 'set-password',
  usage: '[USER@]NAME',
  summary: "has the agent of a guest set a user's password, which is typed or piped in",
  completes: 'instances',
  arguments: { least: 1, most: 1 },
  async run(context, [target = '']) {
    if (!context.waits) throw new UsageError('set-password waits, to remove the password again: leave --wait=false out')
    const { user, machine } = parseTarget(target)
    const password = await askPassword(context, target)
    const secret = await createSecret(context, machine, password)
    try {
      const made = await createAction(context, machine, 'password', {
        type: 'SetAdminPassword',
        setAdminPassword: {
          passwordSecretRef: { name: secret.metadata.name },
          ...(user === undefined ? {} : { userName: user }),
        },
      })
      await leaveTo(context, secret, made)
      return (await waitForEnd(context, made, 'has the new password')) ? 0 : 1
    } finally {
      await removeSecret(context, secret)
    }
  },
}

/** Pure. @throws UsageError for a user that no guest has */
export function parseTarget(target: string): { user?: string; machine: string } {
  const at = target.lastIndexOf('@')
  if (at < 0) return { machine: target }
  const user = target.slice(0, at)
  if (!USER_NAME.test(user)) throw new UsageError(`"${user}" is no name of a user: letters, digits, "_", "." and "-"`)
  return { user, machine: target.slice(at + 1) }
}

async function askPassword({ readHidden }: Context, target: string): Promise<string> {
  const [password = '', again = password] = await readHidden([`New password for ${target}: `, 'Once more: '])
  if (password !== again) throw new UsageError('what was typed the second time is something else')
  if (isPassword(password)) return password
  throw new UsageError('a password has 1 to 128 bytes of printable characters, and no line break')
}

function createSecret({ client, namespace, signal }: Context, machine: string, password: string): Promise<Secret> {
  const name = makeName(machine, 'password')
  const metadata = { namespace, name, labels: { [ADMIN_PASSWORD_LABEL]: 'true' } }
  const data = { password: Buffer.from(password).toString('base64') }
  return client.create<Secret>(SECRET, { apiVersion: 'v1', kind: 'Secret', metadata, data, type: 'Opaque' }, { signal })
}

/** Who is killed before the end leaves no Secret behind for longer than the action. */
async function leaveTo({ client, signal }: Context, { metadata }: Secret, action: InstanceAction): Promise<void> {
  const { name, uid } = action.metadata
  const owner = { apiVersion: `${GROUP}/${VERSION}`, kind: INSTANCE_ACTION.kind, name, uid }
  await client.mergePatch(SECRET, metadata, { metadata: { ownerReferences: [owner] } }, { signal })
}

async function removeSecret({ client, print }: Context, { metadata }: Secret): Promise<void> {
  const { namespace = '', name, uid } = metadata
  try {
    const signal = AbortSignal.timeout(REMOVE_MS)
    await client.remove(SECRET, { namespace, name }, { preconditions: { uid }, signal })
  } catch (error) {
    const left = `the Secret ${name} with the password is still there (${messageOf(error)})`
    print(`${left}: kubectl delete secret -n ${namespace} ${name}`)
  }
}
