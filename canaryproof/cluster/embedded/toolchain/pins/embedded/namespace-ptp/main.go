// namespace-ptp is a CNI plugin that connects each pod to the node by a veth pair of its own, like upstream's ptp, and
// forwards packets only between pods of one Kubernetes namespace.
//
// The kernel's policy routing isolates; there is no bridge and no packet filter.  Each namespace has a routing table
// with the addresses of its pods and a default route that drops.  A rule sends every packet that arrives from a pod to
// the table of the pod's namespace, also one to an address of the node.  Packets that the node itself sends use the main
// table, which has all pods, so that the API server and kubelet reach them.  A rule before all others lets the answers
// in: TCP to the ports from which the node connects.
//
// Addresses of Services are no routes of a table's own: kube-proxy has replaced them by the address of a pod before the
// kernel routes a packet, so that a Service leads to pods of the sender's namespace only.  What still has the address of
// a Service belongs to none, or to one without endpoints; it is forwarded to a device that drops everything, so that it
// passes kube-proxy's rules, which reject it.  DNS is the one Service of the node: a rule delivers its packets.
//
// Further: the reverse path filter drops forged source addresses; neighbour entries are permanent, so no ARP message
// changes them; IPv6 is off at the node's end of each pair.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"
)

// configuration is the plugin's part of the network configuration.
type configuration struct {
	types.NetConf
	// Subnet is the range of the pods' addresses; its first address is the gateway's.
	Subnet netip.Prefix `json:"subnet"`
	// Services is the range of the Services' addresses.
	Services netip.Prefix `json:"services"`
	// NameServer is the address of the node, in the range of Services, at which the DNS server listens.
	NameServer netip.Addr `json:"nameServer"`
	// State is the folder of the file that records which pod has which address; it should be in memory.
	State string `json:"stateDir"`
}

// podArgs are those of CNI_ARGS that the plugin uses; container runtimes of Kubernetes set them.
type podArgs struct {
	types.CommonArgs
	K8S_POD_NAMESPACE types.UnmarshallableString
}

func main() {
	functions := skel.CNIFuncs{Add: add, Del: del, Check: check, GC: collect, Status: status}
	skel.PluginMainFuncs(functions, version.All, "CNI plugin namespace-ptp")
}

// add connects a pod.  What an unsuccessful call did is undone.
func add(args *skel.CmdArgs) error {
	conf, err := parse(args.StdinData)
	if err != nil {
		return err
	}
	var pod podArgs
	if err := types.LoadArgs(args.Args, &pod); err != nil {
		return err
	}
	if pod.K8S_POD_NAMESPACE == "" {
		return types.NewError(types.ErrInvalidEnvironmentVariables, "CNI_ARGS has no K8S_POD_NAMESPACE", "")
	}
	key := attachmentOf(args.ContainerID, args.IfName)
	lease, err := reserve(conf, key, string(pod.K8S_POD_NAMESPACE))
	if err != nil {
		return err
	}
	link, err := connect(conf, lease, args.Netns, args.IfName)
	if err != nil {
		return errors.Join(err, remove(conf, key))
	}
	return types.PrintResult(resultOf(conf, lease, link, args), conf.CNIVersion)
}

// del disconnects a pod; it succeeds when nothing is left of it, as the specification requires.
func del(args *skel.CmdArgs) error {
	conf, err := parse(args.StdinData)
	if err != nil {
		return err
	}
	return remove(conf, attachmentOf(args.ContainerID, args.IfName))
}

// check reports whether the pod still is connected as add left it.
func check(args *skel.CmdArgs) error {
	conf, err := parse(args.StdinData)
	if err != nil {
		return err
	}
	lease, err := find(conf, attachmentOf(args.ContainerID, args.IfName))
	if err != nil {
		return err
	}
	return verify(lease)
}

// collect disconnects every pod that is not among the valid attachments.
func collect(args *skel.CmdArgs) error {
	conf, err := parse(args.StdinData)
	if err != nil {
		return err
	}
	valid := map[string]bool{}
	for _, each := range conf.ValidAttachments {
		valid[attachmentOf(each.ContainerID, each.IfName)] = true
	}
	leases, err := list(conf)
	for key := range leases {
		if !valid[key] {
			err = errors.Join(err, remove(conf, key))
		}
	}
	return err
}

// status reports whether add can be called: nothing needs to be there before.
func status(args *skel.CmdArgs) error {
	_, err := parse(args.StdinData)
	return err
}

func parse(stdin []byte) (*configuration, error) {
	conf := &configuration{}
	if err := json.Unmarshal(stdin, conf); err != nil {
		return nil, types.NewError(types.ErrDecodingFailure, "the network configuration is no JSON of this plugin's", err.Error())
	}
	if !conf.Subnet.Addr().Is4() || conf.Subnet != conf.Subnet.Masked() || conf.Subnet.Bits() > 30 || conf.State == "" {
		return nil, types.NewError(types.ErrInvalidNetworkConfig, "subnet must be an IPv4 network and stateDir a folder", "")
	}
	if !conf.Services.Addr().Is4() || conf.Services != conf.Services.Masked() || !conf.Services.Contains(conf.NameServer) {
		return nil, types.NewError(types.ErrInvalidNetworkConfig, "services must be an IPv4 network that contains nameServer", "")
	}
	return conf, nil
}

// gateway is the node's address in all pods' routes; all namespaces share it.
func (conf *configuration) gateway() netip.Addr {
	return conf.Subnet.Addr().Next()
}

// attachmentOf returns the name of a pod's network interface in the state.
func attachmentOf(containerID, ifName string) string {
	return containerID + "/" + ifName
}

func resultOf(conf *configuration, lease lease, link pair, args *skel.CmdArgs) *current.Result {
	inside := 1
	return &current.Result{
		CNIVersion: current.ImplementedSpecVersion,
		Interfaces: []*current.Interface{
			{Name: lease.Device, Mac: link.node.String()},
			{Name: args.IfName, Mac: link.pod.String(), Sandbox: args.Netns},
		},
		IPs: []*current.IPConfig{{
			Interface: &inside,
			Address:   *single(lease.Address),
			Gateway:   net.IP(conf.gateway().AsSlice()),
		}},
		Routes: []*types.Route{{Dst: *everything(), GW: net.IP(conf.gateway().AsSlice())}},
	}
}

// single returns the network that is one address.
func single(address netip.Addr) *net.IPNet {
	return &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(32, 32)}
}

// prefix returns a network as netlink wants it.
func prefix(network netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: network.Addr().AsSlice(), Mask: net.CIDRMask(network.Bits(), 32)}
}

// everything returns the destination of a default route.
func everything() *net.IPNet {
	return &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
}

func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
