// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { REPOSITORY } from '../cloud/layout.ts'
import { withFacts } from './example.ts'

const facts = { url: 'http://10.98.7.254:8080/guest.qcow2', sha256: 'a'.repeat(64), publicKey: 'ssh-ed25519 AAAA key' }
const dir = join(REPOSITORY, 'examples', 'first-machine')
const files = readdirSync(dir).filter((f) => f.endsWith('.yaml'))

test.each(files)('%s: only facts of this cloud are filled in', (file) => {
  const text = readFileSync(join(dir, file), 'utf8')
  const objects = (t: string) => parseAllDocuments(t).map((d) => d.toJS() as { kind: string; spec?: object })
  const before = objects(text)
  objects(withFacts(text, facts)).forEach((object, i) => {
    const { url, sha256, publicKey } = facts
    if (object.kind === 'Image') expect(object.spec).toMatchObject({ sha256, source: { http: { url } } })
    else if (object.kind === 'KeyPair') expect(object.spec).toEqual({ publicKey })
    else expect(object).toEqual(before[i])
  })
})
