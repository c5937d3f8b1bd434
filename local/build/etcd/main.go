// Command etcd is the upstream server: `go install` refuses its module because of replace lines, so it is linked here.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
