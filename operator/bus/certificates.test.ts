// SPDX-License-Identifier: Apache-2.0
// What a node can have certified, and what it can pass for with it.
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { connectRemote, type TlsIdentity } from '../../lib/ovsdb/remote.ts'
import { createAuthority, loadAuthority, signKey, type Authority } from '../../lib/pki/authority.ts'
import { createPrivateKey, createRequest, publicKeyOf } from '../../lib/pki/key.ts'
import { inventoryOf } from '../testing/inventory.ts'
import { NODE_CERTIFICATE_DAYS, NodeCertificates } from './certificates.ts'

const NOW = new Date()
let authority: Authority
let ca: string
let key: string
let issued: string

beforeAll(async () => {
  const files = await createAuthority('cloud', 3650, NOW)
  authority = await loadAuthority(files)
  ca = files.certificate
  key = await createPrivateKey()
  const certificates = new NodeCertificates({ authority, authorityPem: ca, desired: { read: async () => undefined } })
  // All that a node can choose.
  const inventory = inventoryOf('n1', {
    address: 'nephele-nats.nephele-system.svc',
    encapAddress: 'nephele-ovn.nephele-system.svc',
    certificateRequest: await createRequest(key, 'nephele-operator'),
  })
  const { certificate = '' } = await certificates.ensure({ node: 'n1', uid: 'u', inventory }, NOW)
  issued = certificate
})

test('names the node and nothing that it says of itself, for clients alone, for days', () => {
  const certificate = new X509Certificate(issued)
  expect([certificate.subject, certificate.subjectAltName]).toEqual(['CN=n1', 'DNS:n1'])
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
  expect(certificate.validToDate.getTime() - NOW.getTime()).toBeLessThanOrEqual(NODE_CERTIFICATE_DAYS * 86_400_000)
  expect(NODE_CERTIFICATE_DAYS).toBeLessThanOrEqual(3)
})

describe('what was issued before', () => {
  const later = (days: number) => new Date(NOW.getTime() + days * 86_400_000)
  const leader = (published?: object) => {
    const reads: string[] = []
    const read = async (...asked: string[]) => {
      reads.push(asked.join(' '))
      return published as never
    }
    const certificates = new NodeCertificates({ authority, authorityPem: ca, desired: { read } })
    const ensure = async (request: string | undefined, at = NOW) => {
      const inventory = inventoryOf('n1', request === undefined ? {} : { certificateRequest: request })
      return certificates.ensure({ node: 'n1', uid: 'u', inventory }, at)
    }
    return { ensure, reads }
  }
  const document = (certificate: string) => ({ kind: 'node', tombstone: false, spec: { certificate } })

  test('stays, by this leader’s memory, until it is due; the bus is asked once', async () => {
    const request = await createRequest(key, 'x')
    const { ensure, reads } = leader()
    const first = await ensure(request)
    expect(first.certificateAuthority).toBe(ca)
    expect(await ensure(request, later(1))).toEqual(first)
    expect(reads).toEqual(['n1 node u'])
    const second = await ensure(request, later(2.1))
    expect(second).not.toEqual(first)
    expect(await ensure(request, later(2.2))).toEqual(second)
  })
  test('stays, by the document on the bus; another key has another', async () => {
    const published = leader(document(issued))
    expect(await published.ensure(await createRequest(key, 'x'))).toMatchObject({ certificate: issued })
    const other = await published.ensure(await createRequest(await createPrivateKey(), 'x'))
    expect(other.certificate).not.toBe(issued)
  })
  test.each([
    ['a tombstone', { kind: 'node', tombstone: true }],
    ['a document of another kind', { kind: 'image', tombstone: false, spec: { certificate: 'x' } }],
  ])('is none in %s', async (_, published) => {
    const { certificate } = await leader(published).ensure(await createRequest(key, 'x'))
    expect(certificate).toContain('BEGIN CERTIFICATE')
    expect(certificate).not.toBe(issued)
  })
  test('of who asks for none: nothing, and nobody is asked', async () => {
    const { ensure, reads } = leader(document(issued))
    expect([await ensure(undefined), reads]).toEqual([{}, []])
  })
})

describe('a server that has it', () => {
  /** Does the operator's own client take this for the database? */
  async function isTaken(identity: { key: string; cert: string }, host: string, serverName?: string): Promise<boolean> {
    const server = createServer({ ...identity, ca }).listen(0, '127.0.0.1')
    const sockets: TLSSocket[] = []
    server.on('secureConnection', (socket) => sockets.push(socket))
    await once(server, 'listening')
    const tls: TlsIdentity = { ca, cert: issued, key, ...(serverName === undefined ? {} : { serverName }) }
    const { port } = server.address() as AddressInfo
    try {
      const remote = { transport: 'ssl', host, port } as const
      const stream = await connectRemote(remote, tls, AbortSignal.timeout(5_000))
      stream.destroy()
      return true
    } catch {
      return false
    } finally {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }

  async function serverFor(...names: string[]): Promise<{ key: string; cert: string }> {
    const its = await createPrivateKey()
    const subject = { commonName: 'server', names }
    return { key: its, cert: await signKey(publicKeyOf(its), subject, { authority, days: 1, now: NOW }) }
  }

  test.each([
    ['by address', '127.0.0.1', undefined],
    ['by name', 'localhost', undefined],
    ['by the name of the node', '127.0.0.1', 'n1'],
  ])('is not taken for the database, reached %s', async (_, host, name) => {
    expect(await isTaken({ key, cert: issued }, host, name)).toBe(false)
  })

  test.each([
    ['the right one by address', '127.0.0.1', ['db'], true],
    ['the right one by name', 'localhost', ['localhost'], true],
    ['one of another name', 'localhost', ['db'], false],
  ])('%s: taken %s', async (_, host, names, taken) => {
    expect(await isTaken(await serverFor(...names), host)).toBe(taken)
  })
})
