// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { SecurityGroup } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('groups-refused', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const create = (name: string, rules: object[]) =>
  project.create<SecurityGroup>(SECURITY_GROUP, draft.securityGroup(project.at(name), { rules }))

test.each([
  ['half a range', { direction: 'ingress', protocol: 'tcp', portRangeMin: 80 }, /both portRangeMin and portRangeMax/],
  [
    'ports of icmp',
    { direction: 'ingress', protocol: 'icmp', portRangeMin: 8, portRangeMax: 8 },
    /ports go with tcp, udp and sctp alone/,
  ],
  [
    'two remotes',
    { direction: 'ingress', remoteIPPrefix: '10.0.0.0/8', remoteGroupRef: { name: 'a' } },
    /write one of remoteIPPrefix/,
  ],
  [
    'another family',
    { direction: 'ingress', etherType: 'IPv6', remoteIPPrefix: '10.0.0.0/8' },
    /etherType of the remoteIPPrefix/,
  ],
  ['no range', { direction: 'ingress', remoteIPPrefix: '10.0.0.1/8" || 1' }, /CIDR/],
])('%s is refused at once', async (_, rule, message) => {
  await expect(create('bad', [rule])).rejects.toThrow(message)
})
