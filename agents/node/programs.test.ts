// SPDX-License-Identifier: Apache-2.0
// Each program that an agent calls is where it runs: in the image, which is the agent's alone, or on the node, among the host's services.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import { HOST_PACKAGES } from '../../local/kind/host-services.ts'
import { PACKAGES } from '../../local/rootfs/definition.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** Debian's package of each; `base`: in every Debian. */
const IN_IMAGE: Readonly<Record<string, string>> = {
  ...{ ip: 'iproute2', ethtool: 'ethtool', nsenter: 'util-linux', tee: 'base' },
  ...{ mformat: 'mtools', mcopy: 'mtools', 'qemu-img': 'qemu-utils' },
}
/** Daemons outlive the agent's pod, so they and what starts them are the host's (docs/node-prerequisites.md). */
const ON_NODE: Readonly<Record<string, string>> = {
  ...{ haproxy: 'haproxy', keepalived: 'keepalived', 'charon-systemd': 'charon-systemd' },
  ...{ 'qemu-storage-daemon': 'qemu-system-x86', 'start-stop-daemon': 'base', setpriv: 'base', cat: 'base' },
  ...{ 'systemd-run': 'base', systemctl: 'base' },
}

/** As sources write what they call: the first word of `exec`, `run` and `spawn`, and of what they keep it in. */
const CALLS = [
  /(?:exec|run|onHost|inHostGroups|spawn)\(\[?'([a-z][a-z-]+)'/g,
  /(?:argv|COMMAND|args)[^=\n]* = \[\s*(?:\.\.\.\(?\[)?'([a-z][a-z-]+)'/g,
  /return \[\s*(?:\.\.\.\(?\[)?'([a-z][a-z-]+)',/g,
  /'\/usr\/s?bin\/([a-z-]+)'/g,
]
/** First words of arrays that are arguments, or something else altogether. */
const NO_PROGRAMS = ['env', 'global']

const sources = readdirSync(join(root, 'agents'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !/\.test\.ts$|testing(\/|\.ts)|fake|memory-/.test(path))
  .map((path) => ({ path, text: read(join('agents', path)) }))
const called = sources.flatMap(({ path, text }) =>
  CALLS.flatMap((call) => [...text.matchAll(call)].map(([, program = '']) => ({ path, program }))),
)

test('what agents call is known to be in the image or on the node', () => {
  const unknown = called.filter(({ program }) => !(program in IN_IMAGE) && !(program in ON_NODE))
  expect(unknown.filter(({ program }) => !NO_PROGRAMS.includes(program))).toEqual([])
  // The test finds calls where they are.
  const found = new Set(called.map(({ program }) => program))
  for (const program of ['ip', 'nsenter', 'mcopy', 'systemd-run', 'start-stop-daemon', 'charon-systemd'])
    expect([program, found.has(program)]).toEqual([program, true])
})

describe('the packages are there', () => {
  const packagesOf = (programs: Readonly<Record<string, string>>) =>
    [...new Set(Object.values(programs))].filter((name) => name !== 'base')
  test('in the image', () => {
    const stage = /AS agent\n[\s\S]*?(?:\nFROM |$)/.exec(read('Dockerfile'))?.[0] ?? ''
    const installed = /apt-get install --no-install-recommends -y ([^\n\\]+)/.exec(stage)?.[1]?.split(' ') ?? []
    expect(installed).toEqual(expect.arrayContaining(packagesOf(IN_IMAGE)))
  })
  test('on nodes of the local cloud, of kind, and of who follows the documentation', () => {
    const page = read('docs/node-prerequisites.md')
    for (const name of packagesOf(ON_NODE)) {
      expect(PACKAGES).toContain(name)
      expect(HOST_PACKAGES).toContain(name)
      expect(page).toContain(`\`${name}\``)
    }
  })
})

test('Reachabilities have ovn-trace, and what it needs, in the operator’s image', () => {
  const stage = /AS operator\n[\s\S]*?(?:\nFROM |$)/.exec(read('Dockerfile'))?.[0] ?? ''
  expect(stage).toContain('COPY --from=ovn-central /usr/bin/ovn-trace /usr/bin/ovn-trace')
  for (const library of ['libcap-ng0', 'libssl3t64', 'libunbound8']) expect(stage).toContain(library)
})
