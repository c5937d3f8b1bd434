// SPDX-License-Identifier: Apache-2.0
// The agent in a guest gives a user another password; what the Secret says is seen by the guest, and by nobody else.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ADMIN_PASSWORD_LABEL, INSTANCE_ACTION, SECRET } from '../../lib/api/kinds.ts'
import type { InstanceAction, Secret } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import * as draft from '../harness/objects.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { Project } from '../harness/project.ts'
import { waitForObject, waitUntilTrue } from '../harness/wait.ts'

const NODE = 'compute-1'
const PASSWORD = 'Nur f\u00fcr den Gast: s3cret'
let project: Project
let door: GuestDoor
beforeAll(async () => {
  project = await Project.create('admin-password', { net: '10.88.0.0/24' })
  await project.allowUserData()
  const labels = { [ADMIN_PASSWORD_LABEL]: 'true' }
  const data = { password: Buffer.from(PASSWORD).toString('base64') }
  await project.test.client.create<Secret>(SECRET, { metadata: { ...project.at('pw'), labels }, type: 'Opaque', data })
  ;({ door } = await project.bootGuests({ vm: { availabilityZone: 'zone-a' } }))
}, 180_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const isOver = (action: InstanceAction | undefined) => ['Succeeded', 'Failed'].includes(action?.status?.state ?? '')
async function endOf(name: string, more: object = {}): Promise<InstanceAction> {
  const setAdminPassword = { passwordSecretRef: { name: 'pw' }, ...more }
  const spec = { type: 'SetAdminPassword', setAdminPassword }
  await project.create<InstanceAction>(INSTANCE_ACTION, draft.instanceAction(project.at(name), 'vm', spec))
  const options = { what: 'over', timeoutMs: 90_000 }
  const action = await waitForObject<InstanceAction>(
    project.test.client,
    INSTANCE_ACTION,
    project.at(name),
    isOver,
    options,
  )
  if (!action) throw new Error(`InstanceAction ${name} is gone`)
  return action
}
const reasonOf = (action: InstanceAction) => findCondition(action.status?.conditions, 'Ready')?.reason
const inGuest = async (script: string) => (await door.ssh(await project.get('vm'), script)).trim()

test('root of the guest has it; what the cloud keeps does not', async () => {
  await waitUntilTrue('the agent of the guest', async () => (await inGuest('pidof qemu-ga || true')) !== '', 60_000)
  expect(await inGuest('grep -c "^root:[*]:" /etc/shadow')).toBe('1')
  const set = await endOf('set')
  expect([set.status?.state, set.status?.steps?.map(({ name }) => name)]).toEqual(['Succeeded', ['PasswordSet']])
  const hash = await inGuest("sed -n 's/^root:\\([^:]*\\):.*/\\1/p' /etc/shadow")
  const [, , salt = ''] = hash.split('$')
  expect(await inGuest(`mkpasswd -m sha512 -S ${salt} '${PASSWORD}'`)).toBe(hash)
  const { cloud } = project.test
  const kept = ['grep', '-rlaF', '-e', PASSWORD, '-e', Buffer.from(PASSWORD).toString('base64')]
  const found = await cloud.exec(NODE, ['sh', '-c', '"$@" /var/lib/nephele /var/log || true', '_', ...kept])
  expect(found.stdout.trim()).toBe('')
}, 180_000)

test('a user that the guest does not have is refused by it', async () => {
  expect(reasonOf(await endOf('nobody', { userName: 'nobody-here' }))).toBe('GuestRefused')
}, 90_000)

test('without its agent it is said to have none', async () => {
  await inGuest('killall qemu-ga')
  const ended = await endOf('deaf')
  expect([ended.status?.state, reasonOf(ended)]).toEqual(['Failed', 'NoGuestAgent'])
}, 90_000)
