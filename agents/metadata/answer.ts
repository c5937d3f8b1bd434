// SPDX-License-Identifier: Apache-2.0
import { listFolder, OPENSTACK_VERSIONS, type MetadataFiles } from './content.ts'

export interface Answer {
  status: 200 | 404
  type: 'application/json' | 'text/plain' | 'application/octet-stream'
  body: string | Buffer
}

const NOT_FOUND: Answer = { status: 404, type: 'text/plain', body: '404 Not Found\n' }

/** What a URL asks for: its names without empty ones. Nothing is decoded or resolved, so that there is nothing to traverse. */
export function toPath(url: string): string {
  return (url.split(/[?#]/, 1)[0] ?? '')
    .split('/')
    .filter((part) => part !== '')
    .join('/')
}

/** Looks a path up among fixed names. @param files of `serviceFiles` */
export function answerPath(files: MetadataFiles, path: string): Answer {
  if (path === 'openstack') return text(OPENSTACK_VERSIONS)
  const content = isHidden(path) ? undefined : files.get(path)
  if (content !== undefined) {
    const type = path.endsWith('.json')
      ? 'application/json'
      : typeof content === 'string'
        ? 'text/plain'
        : 'application/octet-stream'
    return { status: 200, type, body: content }
  }
  const names = listFolder(files, path)
  if (!names) return NOT_FOUND
  // EC2's root lists its versions only.
  return text(
    path === ''
      ? names.filter((n) => n !== 'openstack/').map((n) => n.replace('/', ''))
      : names.filter((n) => n !== '.names'),
  )
}

/** `public-keys/0` is a folder, `public-keys/.names` is our own. */
function isHidden(path: string): boolean {
  return path.endsWith('/.names')
}

function text(lines: readonly string[]): Answer {
  return { status: 200, type: 'text/plain', body: lines.join('\n') }
}
