// coredns is CoreDNS with the plugins that serve the names of a cluster, and without those that ask other servers.
//
// The order of the directives is that of CoreDNS' plugin.cfg: a query passes the plugins in this order.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"

	_ "github.com/coredns/coredns/plugin/bind"
)

func init() {
	dnsserver.Directives = []string{"bind", "ready", "errors", "loadbalance", "template", "kubernetes"}
}

func main() { coremain.Run() }
