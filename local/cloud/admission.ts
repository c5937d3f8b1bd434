// SPDX-License-Identifier: Apache-2.0
import { GROUP, VERSION } from '../../lib/api/kinds.ts'
import { ApiStatusError, type Api } from '../control-plane/api.ts'
import { waitUntil } from '../host/wait.ts'

const NOT_YET = 503

/**
 * Until the apiserver admits objects of our kinds. Where it has mutating policies it answers 503 ("Resource kind … not found. There
 * can be a delay …") for some seconds after its start and after the definitions came, though it says that it is ready and whatever
 * the policy's failurePolicy: its admission looks for definitions at intervals of its own. Without our definitions there is nothing
 * to wait for.
 */
export async function waitForAdmission(api: Pick<Api, 'request'>): Promise<void> {
  const path = `/apis/${GROUP}/${VERSION}/namespaces/default/keypairs?dryRun=All`
  const probe = { apiVersion: `${GROUP}/${VERSION}`, kind: 'KeyPair', metadata: { name: 'admission' }, spec: {} }
  const isAnswered = () =>
    api.request('POST', path, probe).then(
      () => true,
      (error: unknown) => {
        if (error instanceof ApiStatusError) return error.status !== NOT_YET
        throw error
      },
    )
  await waitUntil('the apiserver to admit the kinds of the cloud', isAnswered, { timeoutMs: 60_000, everyMs: 50 })
}
