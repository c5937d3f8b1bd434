// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import {
  addressesOf,
  checkCloudName,
  chooseSubnet,
  defineNodes,
  pmdCpuMask,
  readComputeNodes,
  readDpdkNodes,
  servicesOf,
} from './definition.ts'

describe('definition of a cloud', () => {
  test('compute nodes take turns in two zones; one node has OVN central', () => {
    const nodes = defineNodes({ computeNodes: 3 })
    expect(nodes.map((n) => n.labels['topology.kubernetes.io/zone'])).toEqual(['zone-a', 'zone-a', 'zone-b', 'zone-a'])
    expect(nodes.filter((n) => n.ovnCentral).map((n) => n.name)).toEqual(['network-1'])
    expect(new Set(nodes.map((n) => n.index)).size).toBe(nodes.length)
  })

  test('libvirt runs on compute nodes only', () => {
    const [network, compute] = defineNodes({ computeNodes: 1 }).map(servicesOf)
    expect(network).not.toContain('libvirtd')
    expect(network).toContain('ovn-sb')
    expect(compute).toContain('libvirtd')
    expect(compute).not.toContain('ovn-sb')
  })

  test.each([
    [[], 0],
    [['10.98.0.254', '127.0.0.1', '10.98.2.254'], 1],
    [['10.99.0.1', 'fe80::1'], 0],
    [['10.97.0.7'], 1],
  ])('addresses in use %j: subnet %i', (inUse, subnet) => expect(chooseSubnet(inUse)).toBe(subnet))

  test('no subnet is left', () => {
    const inUse = Array.from({ length: 256 }, (_, i) => addressesOf(i).host)
    expect(() => chooseSubnet(inUse)).toThrow('in use')
  })

  test('numbers of compute nodes', () => {
    expect(['0', '2', '50'].map(readComputeNodes)).toEqual([0, 2, 50])
    for (const text of ['x', '', '-1', '51', '1e9', '2.5']) expect(() => readComputeNodes(text)).toThrow('from 0 to 50')
  })

  test('the last compute nodes have DPDK, and none unless asked for', () => {
    const withDpdk = (dpdkNodes: number) =>
      defineNodes({ computeNodes: 3, dpdkNodes }).flatMap((n) => (n.dpdk ? n.name : []))
    expect(withDpdk(2)).toEqual(['compute-2', 'compute-3'])
    expect(withDpdk(0)).toEqual([])
    expect(['0', '2'].map((text) => readDpdkNodes(text, 2))).toEqual([0, 2])
    for (const text of ['3', 'x', '']) expect(() => readDpdkNodes(text, 2)).toThrow('from 0 to 2')
  })

  test.each([
    [1, '0x1'],
    [2, '0x2'],
    [128, '0x80000000000000000000000000000000'],
  ])('of %i CPUs the last one polls: %s', (cpus, mask) => expect(pmdCpuMask(cpus)).toBe(mask))

  test.each(['default', 'e2e-1'])('%s is a name', (name) => expect(checkCloudName(name)).toBe(name))
  test.each(['', '../x', 'A', '-x', 'a b', 'x'.repeat(32)])('%j is no name', (name) => {
    expect(() => checkCloudName(name)).toThrow('no name for a cloud')
  })
})
