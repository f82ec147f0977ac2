// agnhost, of Kubernetes' own end-to-end tests, with those of its commands that need no Kubernetes client.
package main

import (
	"os"

	"github.com/spf13/cobra"
	"k8s.io/kubernetes/test/images/agnhost/connect"
	"k8s.io/kubernetes/test/images/agnhost/dns"
	"k8s.io/kubernetes/test/images/agnhost/entrypoint-tester"
	"k8s.io/kubernetes/test/images/agnhost/fakegitserver"
	"k8s.io/kubernetes/test/images/agnhost/guestbook"
	"k8s.io/kubernetes/test/images/agnhost/liveness"
	logsgenerator "k8s.io/kubernetes/test/images/agnhost/logs-generator"
	"k8s.io/kubernetes/test/images/agnhost/mounttest"
	"k8s.io/kubernetes/test/images/agnhost/net"
	"k8s.io/kubernetes/test/images/agnhost/netexec"
	"k8s.io/kubernetes/test/images/agnhost/nonewprivs"
	"k8s.io/kubernetes/test/images/agnhost/pause"
	portforwardtester "k8s.io/kubernetes/test/images/agnhost/port-forward-tester"
	"k8s.io/kubernetes/test/images/agnhost/porter"
	servehostname "k8s.io/kubernetes/test/images/agnhost/serve-hostname"
	tcpreset "k8s.io/kubernetes/test/images/agnhost/tcp-reset"
	testwebserver "k8s.io/kubernetes/test/images/agnhost/test-webserver"
)

func main() {
	agnhost := &cobra.Command{Use: "agnhost", SilenceUsage: true} // or its last words would be how to use it
	agnhost.AddCommand(
		connect.CmdConnect,
		dns.CmdDNSServerList,
		dns.CmdDNSSuffix,
		dns.CmdEtcHosts,
		entrypoint.CmdEntrypointTester,
		fakegitserver.CmdFakeGitServer,
		guestbook.CmdGuestbook,
		liveness.CmdLiveness,
		logsgenerator.CmdLogsGenerator,
		mounttest.CmdMounttest,
		net.CmdNet,
		netexec.CmdNetexec,
		nonewprivs.CmdNoNewPrivs,
		pause.CmdPause,
		portforwardtester.CmdPortForwardTester,
		porter.CmdPorter,
		servehostname.CmdServeHostname,
		tcpreset.CmdTCPReset,
		testwebserver.CmdTestWebserver,
	)
	if agnhost.Execute() != nil {
		os.Exit(1)
	}
}
