package main

import (
	"flag"
	"os"
	"path/filepath"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

// init adds CoreDNS, with the plugins that serve the names of a cluster, and without those that ask other servers.
//
// The order of the directives is that of CoreDNS' plugin.cfg: a query passes the plugins in this order.
func init() {
	dnsserver.Directives = []string{"bind", "ready", "errors", "loadbalance", "template", "kubernetes"}
	others["coredns"] = coremain.Run
	if filepath.Base(os.Args[0]) != "coredns" {
		hideFlags("conf", "dns.port", "p", "pidfile", "plugins", "quiet", "version")
	}
}

// hideFlags removes flags of CoreDNS, which registers them for the whole program. kube-proxy would take them for its own.
func hideFlags(names ...string) {
	hidden := map[string]bool{}
	for _, name := range names {
		hidden[name] = true
	}
	all := flag.CommandLine
	flag.CommandLine = flag.NewFlagSet(os.Args[0], flag.ExitOnError)
	all.VisitAll(func(each *flag.Flag) {
		if !hidden[each.Name] {
			flag.Var(each.Value, each.Name, each.Usage)
		}
	})
}
