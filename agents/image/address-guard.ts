// SPDX-License-Identifier: Apache-2.0
import { lookup as dnsLookup, type LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { TransientError } from '../../lib/errors.ts'
import { judgeAddress, type AddressPolicy } from './allowed-addresses.ts'

/** The message for users. */
export const REFUSED =
  'the URL leads into a private or reserved network, which images are not read from; publish the image elsewhere, or have an administrator add its network to spec.images.allowedNetworks of the Cloud'

/**
 * Permits connections to allowed addresses only: the address that the resolver returns here is the one that is connected to, for every
 * redirect.
 */
export class AddressGuard {
  readonly #policy: AddressPolicy
  /** An address was permitted by an entry of the Cloud only. */
  sawInternal = false

  constructor(policy: AddressPolicy) {
    this.#policy = policy
  }

  admits(address: string): boolean {
    const verdict = judgeAddress(address, this.#policy)
    if (verdict === 'allowed') this.sawInternal = true
    return verdict !== 'refused'
  }

  readonly lookup: LookupFunction = (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
      if (error) {
        callback(error, '')
        return
      }
      const addresses = found.filter(({ address }) => this.admits(address))
      const [chosen] = addresses
      if (!chosen) {
        // Transient: the name may resolve to something else later.
        callback(new TransientError('ImageSourceRefused', REFUSED), '')
        return
      }
      if (options.all) callback(null, addresses)
      else callback(null, chosen.address, chosen.family)
    })
  }
}
