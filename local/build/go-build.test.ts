// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { goBuild, type BuildProgress } from './go-build.ts'

// In place of Go: says what it compiles and leaves its arguments where the program should be.
const GO = `#!/bin/sh
if [ "$1" = list ]; then printf 'a/b\\nc.d/e-f\\n./etcd\\n'; exit 0; fi
if [ "$BROKEN" ]; then echo 'a/b' >&2; echo './main.go:3:1: undefined: y' >&2; exit 1; fi
printf 'go: downloading c.d/e v1.0.0\\na/b\\nc.d/e-f\\n' >&2
echo "$GOFLAGS $CGO_ENABLED" "$@" > program
`
let dir: string
const before = { ...process.env }
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'nephele-go-'))
  writeFileSync(join(dir, 'go'), GO, { mode: 0o755 })
  process.env['PATH'] = `${dir}:${before['PATH'] ?? ''}`
})
afterAll(() => {
  process.env['PATH'] = before['PATH']
  rmSync(dir, { recursive: true, force: true })
})

test('all packages are one build, and each that is compiled is told', async () => {
  const told: BuildProgress[] = []
  const packages = ['./etcd', 'example.com/cmd/two']
  await goBuild({ moduleDir: dir, packages, ldflags: '-s -w', outDir: '/out', onProgress: (p) => told.push(p) })
  expect(told.map((p) => p.compiled)).toEqual([1, 2])
  const argv = readFileSync(join(dir, 'program'), 'utf8').trim()
  expect(argv).toMatch(/^-mod=readonly 0 build .*-trimpath.* -o \/out\/ \.\/etcd example\.com\/cmd\/two$/)
})

test('a build that fails says what Go said, without the packages that went well', async () => {
  process.env['BROKEN'] = '1'
  const build = goBuild({ moduleDir: dir, packages: ['./etcd'], ldflags: '', outDir: '/out' })
  await expect(build).rejects.toMatchObject({ exitCode: 1, stderr: './main.go:3:1: undefined: y' })
  delete process.env['BROKEN']
})
