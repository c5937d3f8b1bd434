// SPDX-License-Identifier: Apache-2.0
import { INSTANCE } from '../../lib/api/kinds.ts'
import type { MayWatch } from './authorize.ts'

interface Reviewer {
  review<T>(path: string, body: object): Promise<T>
}

/** Who may watch Instances may hear of them. https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/subject-access-review-v1/ */
export function mayWatchInstances(client: Reviewer): MayWatch {
  return async ({ username, groups }, namespace) => {
    const { group, plural } = INSTANCE
    const answer = await client.review<{ status?: { allowed?: boolean } }>(
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {
          user: username,
          groups,
          resourceAttributes: {
            verb: 'watch',
            group,
            resource: plural,
            ...(namespace === undefined ? {} : { namespace }),
          },
        },
      },
    )
    return answer.status?.allowed === true
  }
}
