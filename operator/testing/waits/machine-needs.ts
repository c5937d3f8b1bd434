// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import { automaticPortName } from '../../placed/automatic-port-name.ts'
import { ns, type QuietCloud } from '../quiet-cloud.ts'
import { saysOf, wellAnswered, without } from '../answers.ts'
import { MAC, nic, vm, type WaitRow } from './row.ts'

const onDisk = { volumes: [{ volumeRef: { name: 'disk' } }] }
const other = (c: QuietCloud, name: string, spec: object) => {
  c.vm(name, spec)
  return c.operator.rest()
}

/** Waits for what a machine is made with: its Ports, Volumes and image. */
export const MACHINE_NEED_ROWS: WaitRow[] = [
  {
    reason: 'PortInUse',
    where: vm,
    waits: async (c) => {
      c.port('eth')
      await other(c, 'a', { networks: [{ portRef: { name: 'eth' } }] })
      c.vm('vm', { networks: [{ portRef: { name: 'eth' } }] })
    },
    ends: (c) => c.operator.remove('instances', ns('a')),
  },
  ...(['goes', 'leaves it'] as const).map((end): WaitRow => ({
    reason: 'PortInUse',
    by: `a router that ${end}`,
    where: vm,
    waits: async (c) => {
      c.port('eth')
      c.make('routers', 'r', { interfaces: [{ portRef: { name: 'eth' } }] })
      await c.operator.rest()
      c.vm('vm', { networks: [{ portRef: { name: 'eth' } }] })
    },
    ends: (c) => {
      if (end === 'goes') c.operator.remove('routers', ns('r'))
      else c.set('routers', 'r', { interfaces: [] })
    },
  })),
  {
    reason: 'PortInUse',
    by: 'an automatic port',
    where: vm,
    waits: async (c) => {
      await other(c, 'a', {})
      const owner = c.operator.get('instances', ns('a')) as Instance
      c.vm('vm', { networks: [{ portRef: { name: automaticPortName(owner, 0) } }] })
    },
    ends: (c) => c.operator.remove('instances', ns('a')),
    next: 'PortNotFound',
  },
  {
    reason: 'PortNameTaken',
    where: vm,
    waits: (c) => {
      c.vm('vm')
      c.port(automaticPortName(c.operator.get(...vm), 0))
    },
    ends: (c) => c.operator.remove('ports', ns(automaticPortName(c.operator.get(...vm), 0))),
  },
  {
    reason: 'PortNotReady',
    where: vm,
    waits: (c) => {
      c.port('eth', { networkRef: { name: 'other' } })
      c.vm('vm', { networks: [{ portRef: { name: 'eth' } }] })
    },
    ends: (c) => {
      c.make('networks', 'other')
      c.subnet('other-v4', { networkRef: { name: 'other' }, cidr: '10.1.0.0/24' })
    },
  },
  {
    reason: 'NoFreeSlot',
    where: vm,
    waits: async (c) => {
      const lan = { networkRef: { name: 'lan' } }
      c.vm('vm', { networks: Array(16).fill(lan) })
      await c.operator.rest()
      // Its guest holds all that it has.
      const machine = c.operator.get('instances', ns('vm')) as Instance
      const held = (machine.status?.interfaces ?? []).flatMap(({ portUID }) => portUID ?? [])
      c.operator.answer = saysOf('instance', (document) => {
        const said = wellAnswered(document)
        return said && { ...said, facts: { ...said.facts, portsAttached: held } }
      })
      c.set('instances', 'vm', { networks: [{ ...lan, vnicType: 'normal' }] })
    },
    ends: (c) => c.answersAll(),
  },
  {
    reason: 'InterfaceNotHere',
    where: vm,
    waits: async (c) => {
      c.make('providerNetworks', 'dc')
      c.make('networks', 'outside', { provider: { providerNetworkRef: { name: 'dc' } } })
      c.subnet('outside-v4', { networkRef: { name: 'outside' }, cidr: '10.1.0.0/24' })
      await other(c, 'vm', {})
      c.set('instances', 'vm', { networks: [{ networkRef: { name: 'lan' } }, { networkRef: { name: 'outside' } }] })
    },
    ends: (c) => {
      for (const name of ['c1', 'c2'])
        c.operator.addNode(name, { 'nephele.dev/compute': 'libvirt' }, { physicalNetworks: [{ name: 'dc' }] })
    },
  },
  {
    reason: 'VolumeInUse',
    where: vm,
    waits: async (c) => {
      c.volume('disk')
      await other(c, 'a', onDisk)
      c.vm('vm', onDisk)
    },
    ends: (c) => c.set('instances', 'a', { volumes: [] }),
  },
  {
    reason: 'VolumeInUse',
    by: 'a machine that goes',
    where: vm,
    waits: async (c) => {
      c.volume('disk')
      await other(c, 'a', onDisk)
      c.vm('vm', onDisk)
    },
    ends: (c) => c.operator.remove('instances', ns('a')),
  },
  {
    reason: 'VolumeNotReady',
    where: vm,
    waits: (c) => {
      c.operator.answer = without('volume')
      c.volume('disk')
      c.vm('vm', onDisk)
    },
    ends: (c) => c.answersAll(),
  },
  {
    reason: 'ImageNotReady',
    where: vm,
    waits: (c) => {
      c.operator.answer = without('image')
      c.make('images', 'other')
      c.vm('vm', { imageRef: { name: 'other' } })
    },
    ends: (c) => c.answersAll(),
  },
  {
    reason: 'MACInUse',
    by: 'a machine',
    where: vm,
    waits: async (c) => {
      await other(c, 'a', nic({ macAddress: MAC }))
      c.vm('vm', nic({ macAddress: MAC }))
    },
    ends: (c) => c.operator.remove('instances', ns('a')),
  },
  {
    reason: 'MACInUse',
    by: 'a port',
    where: vm,
    waits: async (c) => {
      c.port('eth', { macAddress: MAC })
      await c.operator.rest()
      c.vm('vm', nic({ macAddress: MAC }))
    },
    ends: (c) => c.operator.remove('ports', ns('eth')),
  },
  {
    reason: 'MACInUse',
    by: 'a port that got it made',
    where: vm,
    waits: async (c) => {
      c.port('eth')
      await c.operator.rest()
      c.vm('vm', nic({ macAddress: c.macOf('eth') }))
    },
    ends: (c) => c.operator.remove('ports', ns('eth')),
  },
  ...(
    [
      ['CachingImage', { state: 'waiting', facts: {} }],
      ['AttachingVolumes', { state: 'running', facts: { volumesAttached: [] } }],
      ['PowerChanging', { state: 'stopped', facts: { volumesAttached: ['*'] } }],
    ] as const
  ).map(([reason, report]): WaitRow => ({
    reason,
    where: vm,
    waits: async (c) => {
      c.volume('disk')
      await c.operator.rest()
      const facts = reason === 'PowerChanging' ? { volumesAttached: [c.uidOf('disk', 'volumes')] } : report.facts
      c.operator.answer = saysOf('instance', () => ({ ...report, facts: { ...facts } }))
      c.vm('vm', onDisk)
    },
    ends: (c) => c.answersAll(),
  })),
  {
    reason: 'AttachingNetwork',
    where: vm,
    waits: (c) => {
      c.operator.answer = without('port')
      c.vm('vm')
    },
    ends: (c) => c.answersAll(),
  },
]
