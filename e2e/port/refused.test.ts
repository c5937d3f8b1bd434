// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { PORT } from '../../lib/api/kinds.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

const fixed = (ipAddress: string) => ({ fixedIPs: [{ subnetRef: { name: 'net' }, ipAddress }] })
const mac = 'fa:16:3e:00:77:02'

let project: Project
beforeAll(async () => {
  project = await Project.create('port-refused', { withImage: false })
  await project.createNetwork('net', '10.64.0.0/24')
  await project.create(PORT, draft.port(project.at('first'), 'net', { ...fixed('10.64.0.5'), macAddress: mac }))
  await waitForReady(project.test.client, PORT, project.at('first'))
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test.each([
  ['a MAC in upper case', { macAddress: 'FA:16:3E:00:00:01' }, /macAddress/],
  ['a multicast MAC', { macAddress: '01:00:5e:00:00:01' }, /unicast MAC/],
  ['an address that is none', fixed('10.64.0.256'), /canonical form/],
  [
    'groups without port security',
    { portSecurityEnabled: false, securityGroupRefs: [{ name: 'a' }] },
    /need port security/,
  ],
])('%s is refused at once', async (_, spec, message) => {
  await expect(project.create(PORT, draft.port(project.at('bad'), 'net', spec))).rejects.toThrow(message)
})

test.each([
  ['macAddress', { macAddress: 'fa:16:3e:00:00:09' }],
  ['fixedIPs', fixed('10.64.0.6')],
  ['networkRef', { networkRef: { name: 'other' } }],
  ['vnicType', { vnicType: 'vhostuser' }],
])('%s cannot change', async (field, spec) => {
  await expect(project.patch(PORT, 'first', { spec })).rejects.toThrow(
    new RegExp(`${field} cannot change.*: make a new Port`),
  )
})

test.each([
  ['an address that is taken', fixed('10.64.0.5'), /10\.64\.0\.5.*first/],
  ['the broadcast address', fixed('10.64.0.255'), /fixedIPs\[0\]\.ipAddress.*10\.64\.0\.255/],
  ['a subnet that is not there', { fixedIPs: [{ subnetRef: { name: 'none' } }] }, /Subnet none in spec\.fixedIPs\[0\]/],
  ['a MAC that is taken', { macAddress: mac }, /macAddress.*first/],
])(
  '%s is said on the status, with the field',
  async (_, spec, message) => {
    await project.create(PORT, draft.port(project.at('second'), 'net', spec))
    const ref = project.at('second')
    const { client } = project.test
    const said = await waitForCondition(client, PORT, ref, { type: 'Ready', status: 'False' })
    expect(said).toMatch(message)
    await project.remove(PORT, 'second')
    await waitForReady(client, PORT, project.at('first'))
  },
  60_000,
)
