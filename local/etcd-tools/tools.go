// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package etcdtools pins the clients of etcd that tests build; ../build/programs.ts says how.
package etcdtools

import (
	_ "go.etcd.io/etcd/etcdctl/v3"
	_ "go.etcd.io/etcd/etcdutl/v3"
)
