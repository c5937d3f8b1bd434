// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package proxy pins kube-proxy, which only clusters with kubelets need; see ../programs.ts for how it is built.
package proxy

import (
	_ "k8s.io/kubernetes/cmd/kube-proxy"
)
