// SPDX-License-Identifier: Apache-2.0
import { listFolder, OPENSTACK_VERSIONS, type MetadataFiles } from './content.ts'

export interface Answer {
  status: 200 | 404
  type: 'application/json' | 'text/plain' | 'application/octet-stream'
  body: string | Buffer
}

const NOT_FOUND: Answer = { status: 404, type: 'text/plain', body: '404 Not Found\n' }

/** The path's segments, without empty ones. Nothing is decoded or resolved, so there is nothing to traverse. */
export function toPath(url: string): string {
  return (url.split(/[?#]/, 1)[0] ?? '')
    .split('/')
    .filter((part) => part !== '')
    .join('/')
}

/** Looks a path up in a fixed set of files. @param files from `serviceFiles` */
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
  // EC2's root lists only its versions.
  return text(
    path === ''
      ? names.filter((n) => n !== 'openstack/').map((n) => n.replace('/', ''))
      : names.filter((n) => n !== '.names'),
  )
}

/** `public-keys/0` is a folder, but `public-keys/.names` is internal. */
function isHidden(path: string): boolean {
  return path.endsWith('/.names')
}

function text(lines: readonly string[]): Answer {
  return { status: 200, type: 'text/plain', body: lines.join('\n') }
}
