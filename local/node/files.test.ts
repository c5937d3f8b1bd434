// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { environmentFile, nodeFiles } from './files.ts'

describe('files of a node', () => {
  test('each node has a libvirt identity of its own and no TCP listener', () => {
    const conf = (index: number) => nodeFiles({ name: 'n', index })['/etc/libvirt/libvirtd.conf']?.text
    expect(conf(1)).toContain('host_uuid = "00000000-0000-4000-8000-000000000001"')
    expect(conf(2)).not.toBe(conf(1))
    expect(conf(1)).toContain('listen_tcp = 0')
  })

  test('keys are readable by root alone', () => {
    const ovnCentral = { serverCertificate: 'c', serverKey: 'k', northboundClients: 'n', southboundClients: 's' }
    const files = nodeFiles({ name: 'n', index: 1, ovnCentral, agentEnvironment: { A: 'b' } })
    expect(files['/etc/ovn/pki/server.key']?.mode).toBe(0o600)
    expect(files['/etc/nephele/agent.env']).toEqual({ text: 'A=b\n', mode: 0o600 })
  })

  test.each<Record<string, string>>([{ 'A B': 'x' }, { a: 'x' }, { A: 'x\nB=y' }, { A: 'x\0' }])(
    '%j is no environment',
    (environment) => {
      expect(() => environmentFile(environment)).toThrow()
    },
  )

  test('values are handed on as they are', () => {
    expect(environmentFile({ A: '$(reboot) `x` "y"' })).toBe('A=$(reboot) `x` "y"\n')
  })
})
