// SPDX-License-Identifier: Apache-2.0
// By what nodes know each other when they hand over files of images: the certificates of volumes (docs/decisions/0016).
import { readIfThere } from '../../lib/durable-files.ts'
import { TransientError } from '../../lib/errors.ts'

/** Paths of a key, its certificate and their authority. */
export interface PeerFiles {
  keyFile: string
  certificateFile: string
  authorityFile: string
}

/** PEM. */
export interface PeerCredentials {
  key: string
  cert: string
  ca: string
}

/** As they are now: certificates are renewed. @throws TransientError `NodeCertificateMissing` */
export async function readPeerCredentials(files: PeerFiles): Promise<PeerCredentials> {
  const [key, cert, ca] = await Promise.all(
    [files.keyFile, files.certificateFile, files.authorityFile].map((file) => readIfThere(file)),
  )
  if (key === undefined || cert === undefined || ca === undefined)
    throw new TransientError(
      'NodeCertificateMissing',
      'the node has no certificates of volumes yet: the operator signs them',
    )
  return { key, cert, ca }
}
