// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { planProgram, tunnelName, type Fabric, type Station } from './plan.ts'

const station = (uid: string, node: string, more: Partial<Station> = {}): Station => ({
  ...{ uid, node, networkUid: 'net', mac: `fa:16:3e:00:00:0${uid.slice(-1)}`, created: `2026-01-0${uid.slice(-1)}` },
  ...more,
})
const fabric: Fabric = {
  ...{ node: 'n1', mostPorts: 8, segments: [{ uid: 'net', created: '2026-01-01' }], peers: [] },
  stations: [station('p1', 'n1'), station('p2', 'n2'), station('p3', 'n3')],
  interfaces: [{ name: 'tap1', ofport: 5, portUid: 'p1', networkUid: 'net' }],
  tunnels: new Map([
    ['n2', 12],
    ['n3', 13],
  ]),
}
const flowsOf = (more: Partial<Fabric> = {}) => planProgram({ ...fabric, ...more }).flows
const wordOf = (more: Partial<Fabric> = {}) => planProgram({ ...fabric, ...more }).words.get('tap1')

test('what a machine sends goes to the Port with that address, here or by the tunnel to its node', () => {
  const flows = flowsOf()
  const vni = /set_field:(\d+)->tun_id/.exec(flows.join())?.[1]
  expect(flows).toContain(`table=1,priority=100,tun_id=${vni},dl_dst=fa:16:3e:00:00:01,actions=output:5`)
  expect(flows).toContain(`table=1,priority=90,tun_id=${vni},reg0=1,dl_dst=fa:16:3e:00:00:02,actions=output:12`)
})

test('a broadcast goes everywhere once: one from a tunnel into no tunnel', () => {
  const [here, tunnel] = flowsOf().filter((flow) => flow.includes('01:00:00:00:00:00'))
  expect(here).toMatch(/reg0=1.*actions=output:5,output:12,output:13$/)
  expect(tunnel).toMatch(/reg0=2.*actions=output:5$/)
})

test('two Networks have numbers of their own, and no flow of one leads to the other', () => {
  const stations = [station('p1', 'n1'), station('p4', 'n1', { networkUid: 'other' })]
  const second = { name: 'tap4', ofport: 6, portUid: 'p4', networkUid: 'other' }
  const segments = [...fabric.segments, { uid: 'other', created: '2026-01-02' }]
  const flows = flowsOf({ segments, stations, interfaces: [...fabric.interfaces, second] })
  const numbers = new Set(flows.flatMap((flow) => /tun_id=(\d+)/.exec(flow)?.[1] ?? []))
  expect(numbers.size).toBe(2)
  expect(flows.filter((flow) => flow.includes('output:5') && flow.includes('output:6'))).toEqual([])
})

describe('its word', () => {
  test.each<[string, Partial<Fabric>, string | undefined]>([
    ['a Port of a Network of ours', {}, undefined],
    ['one of a Network that is not ours', { segments: [] }, 'its Network is not one of this controller'],
    ['one that the cloud does not name', { stations: [] }, 'as many Ports'],
    ['the oldest, where there is room for one', { mostPorts: 1 }, undefined],
    [
      'a younger one there',
      { mostPorts: 1, stations: [station('p1', 'n1', { created: '2027' }), station('p2', 'n2')] },
      'as many Ports',
    ],
  ])('%s', (_, more, says) => {
    if (says === undefined) expect(wordOf(more)).toBeUndefined()
    else expect(wordOf(more)).toContain(says)
    expect(flowsOf(more).length > 0).toBe(says === undefined)
  })
})

test('a tunnel’s name fits a device, and is another one for each node', () => {
  const names = ['n1', 'n2', 'a-node-with-a-very-long-name.example.com'].map(tunnelName)
  expect(new Set(names).size).toBe(3)
  for (const name of names) expect(name.length).toBeLessThanOrEqual(15)
})
