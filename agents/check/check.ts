// SPDX-License-Identifier: Apache-2.0
// agent check: whether a host has what a node needs, and what to do where it has not. It changes nothing.
import { parseArgs } from 'node:util'
import { hasCode } from '../../lib/durable-files.ts'
import { judgeCompute, readCompute } from './compute.ts'
import { toLines, type Finding } from './finding.ts'
import { judgeFolders, readFolders } from './folders.ts'
import { Host } from './host.ts'
import { judgeNetwork, readNetwork } from './network.ts'
import { checkDpdk, checkGateway, checkStorage } from './other-roles.ts'

type Look = (host: Host, node: string | undefined) => Promise<Finding[]>

const AREAS: Readonly<Record<string, Look>> = {
  compute: async (host) => judgeCompute(await readCompute(host)),
  network: async (host, node) => judgeNetwork(await readNetwork(host), node),
  gateway: checkGateway,
  storage: checkStorage,
  dpdk: checkDpdk,
}
const USUAL = ['compute', 'network']

const USAGE = `usage: agent check [--root FOLDER] [--advise] [${Object.keys(AREAS).join('|')}]...
What a node is for; without it: ${USUAL.join(', ')}. --advise: what is missing fails nothing.`

/** Of the first process, which in a pod with the host's PIDs is the host's. */
const HOST_ROOT = '/proc/1/root'

interface Said {
  print: (line: string) => void
  /** The node's name in Kubernetes, where it is known. */
  node: string | undefined
}

const CANNOT = 2

/** @returns the exit code: 0, 1 where something is missing, 2 for what cannot be meant */
export async function check(argv: readonly string[], { print, node }: Said): Promise<number> {
  const given = parse(argv)
  const unknown = given?.positionals.find((area) => !Object.hasOwn(AREAS, area))
  if (!given || unknown !== undefined) {
    print(unknown === undefined ? USAGE : `there is no "${unknown}"\n${USAGE}`)
    return CANNOT
  }
  const { root = HOST_ROOT, advise = false } = given.values
  const areas = given.positionals.length > 0 ? given.positionals : USUAL
  let findings: Finding[]
  try {
    findings = await look(new Host(root), areas, node)
  } catch (error) {
    const isForbidden = hasCode(error, 'EACCES') || hasCode(error, 'EPERM')
    if (!isForbidden && !advise) throw error
    print(`the host cannot be looked at (${(error as Error).message})${isForbidden ? ': run this as root' : ''}`)
    return advise ? 0 : CANNOT
  }
  for (const line of toLines(findings)) print(line)
  const lacks = findings.filter(({ level }) => level === 'missing').length
  print(lacks === 0 ? 'nothing is missing' : `${lacks} missing; docs/node-prerequisites.md has all that a node needs`)
  return lacks === 0 || advise ? 0 : 1
}

async function look(host: Host, areas: readonly string[], node: string | undefined): Promise<Finding[]> {
  const found = [judgeFolders(await readFolders(host))]
  for (const area of areas) found.push((await AREAS[area]?.(host, node)) ?? [])
  return found.flat()
}

function parse(argv: readonly string[]) {
  try {
    const options = { root: { type: 'string' }, advise: { type: 'boolean' } } as const
    return parseArgs({ args: [...argv], options, allowPositionals: true })
  } catch {
    return undefined
  }
}
