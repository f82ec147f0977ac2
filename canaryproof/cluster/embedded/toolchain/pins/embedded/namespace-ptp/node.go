package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const (
	nodeRule  = 40  // the priority of the rule for packets that pods may send to the node
	podRule   = 50  // that of the rules for all other packets that arrive from pods
	localRule = 100 // the new priority of the rule for the node's own addresses, which is the first of all (0) otherwise

	servicesDevice = "services" // where packets to Services without endpoints lead
	dnsPort        = 53
)

// answers are the ports of the node that pods reach: those from which it connects, and on which nothing listens.
var answers = netlink.RulePortRange{Start: 32768, End: 60999}

// sysctls are settings of the node's network.  Those of "all" hold for each device beside its own, those of "default"
// are copied to new devices.
var sysctls = []struct{ path, value string }{
	{"ipv4/ip_forward", "1"}, // between pods of one namespace; the tables decide
	{"ipv4/ip_local_port_range", fmt.Sprint(answers.Start, " ", answers.End)},
	{"ipv4/conf/all/rp_filter", "1"},
	{"ipv4/conf/default/rp_filter", "1"},
	{"ipv4/conf/all/accept_redirects", "0"},
	{"ipv4/conf/default/accept_redirects", "0"},
	{"ipv4/conf/all/send_redirects", "0"},
	{"ipv4/conf/default/send_redirects", "0"},
	{"ipv4/conf/all/accept_source_route", "0"},
	{"ipv6/conf/default/disable_ipv6", "1"},
}

// pair is the hardware addresses of both ends of a veth pair.
type pair struct{ node, pod net.HardwareAddr }

// prepareNode makes what all namespaces share.  It may be called again.
func prepareNode(conf *configuration) error {
	for _, each := range sysctls {
		err := os.WriteFile("/proc/sys/net/"+each.path, []byte(each.value), 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6
			return err
		}
	}
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return failed("loopback device", err)
	}
	err = netlink.AddrReplace(loopback, &netlink.Addr{IPNet: single(conf.gateway())})
	if err != nil {
		return failed("address of the gateway", err)
	}
	dns := &netlink.RulePortRange{Start: dnsPort, End: dnsPort}
	for _, admitted := range []*netlink.Rule{
		admission(conf.gateway(), unix.IPPROTO_TCP, &answers),
		admission(conf.NameServer, unix.IPPROTO_UDP, dns),
		admission(conf.NameServer, unix.IPPROTO_TCP, dns),
	} {
		if err := ignoring(unix.EEXIST, netlink.RuleAdd(admitted)); err != nil {
			return failed("rule for packets to the node", err)
		}
	}
	// A packet from a pod must meet its namespace's rule before the rule that delivers to all of the node's addresses.
	if err := ignoring(unix.EEXIST, netlink.RuleAdd(ruleOf(localRule, "", unix.RT_TABLE_LOCAL))); err != nil {
		return failed("rule for the node's addresses", err)
	}
	first := ignoring(unix.ENOENT, netlink.RuleDel(ruleOf(0, "", unix.RT_TABLE_LOCAL)))
	return errors.Join(failed("first rule", first), prepareServices(conf))
}

// prepareServices lets the node itself send packets to Services: kube-proxy replaces the address when they are routed.
func prepareServices(conf *configuration) error {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = servicesDevice
	// A pair is what every node has, unlike a dummy device.  Its other end stays down, and so drops what it is sent.
	pair := &netlink.Veth{LinkAttrs: attributes, PeerName: servicesDevice + "-end"}
	if err := ignoring(unix.EEXIST, netlink.LinkAdd(pair)); err != nil {
		return failed("device for Services", err)
	}
	device, err := netlink.LinkByName(servicesDevice)
	if err != nil {
		return failed("device for Services", err)
	}
	err = errors.Join(netlink.LinkSetARPOff(device), netlink.LinkSetUp(device))
	if err != nil {
		return failed("device for Services", err)
	}
	route := servicesRoute(conf, unix.RT_TABLE_MAIN, device)
	route.Src = conf.gateway().AsSlice()
	return failed("route to Services", netlink.RouteReplace(route))
}

// admission returns the rule that delivers packets from pods to an address and port of the node.
func admission(address netip.Addr, protocol int, ports *netlink.RulePortRange) *netlink.Rule {
	rule := ruleOf(nodeRule, "", unix.RT_TABLE_LOCAL)
	rule.Dst, rule.IPProto, rule.Dport = single(address), protocol, ports
	return rule
}

func servicesRoute(conf *configuration, table int, device netlink.Link) *netlink.Route {
	return &netlink.Route{
		Table:     table,
		LinkIndex: device.Attrs().Index,
		Dst:       prefix(conf.Services),
		Scope:     netlink.SCOPE_LINK,
	}
}

// prepareTable makes the routing table of a namespace that has no pods yet.  What no route to a pod or a Service leads
// to is dropped without an answer, as a node drops what it does not forward.
func prepareTable(conf *configuration, table int) error {
	device, err := netlink.LinkByName(servicesDevice)
	if err != nil {
		return failed("device for Services", err)
	}
	for _, each := range []*netlink.Route{
		{Table: table, Type: unix.RTN_BLACKHOLE, Dst: everything()},
		servicesRoute(conf, table, device),
	} {
		if err := netlink.RouteReplace(each); err != nil {
			return failed(fmt.Sprintf("table %d", table), err)
		}
	}
	return nil
}

// emptyTable removes the routes of a namespace without pods.
func emptyTable(table int) error {
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: table}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return failed(fmt.Sprintf("table %d", table), err)
	}
	for _, each := range routes {
		if err := ignoring(unix.ESRCH, netlink.RouteDel(&each)); err != nil {
			return failed(fmt.Sprintf("table %d: %s", table, each), err)
		}
	}
	return nil
}

// connect makes the veth pair of a pod and all that leads to it.  The rule comes first: there is no moment in which a
// packet from the pod would be routed by the node's own table.
func connect(conf *configuration, lease lease, netnsPath, ifName string) (pair, error) {
	link := pair{hardwareAddress(conf.gateway()), hardwareAddress(lease.Address)}
	pod, err := netns.GetFromPath(netnsPath)
	if err != nil {
		return link, failed(netnsPath, err)
	}
	defer pod.Close()
	if err := netlink.RuleAdd(ruleOf(podRule, lease.Device, lease.Table)); err != nil {
		return link, failed("rule of the pod", err)
	}
	if err := connectNode(conf, lease, link, pod, ifName); err != nil {
		return link, err
	}
	return link, connectPod(conf, lease, link, pod, ifName)
}

func connectNode(conf *configuration, lease lease, link pair, pod netns.NsHandle, ifName string) error {
	attributes := netlink.NewLinkAttrs()
	attributes.Name, attributes.HardwareAddr, attributes.Flags = lease.Device, link.node, net.FlagUp
	veth := &netlink.Veth{
		LinkAttrs:        attributes,
		PeerName:         ifName,
		PeerHardwareAddr: link.pod,
		PeerNamespace:    netlink.NsFd(pod),
	}
	if err := netlink.LinkAdd(veth); err != nil {
		return failed("veth pair", err)
	}
	index := veth.Attrs().Index
	for _, table := range []int{unix.RT_TABLE_MAIN, lease.Table} {
		route := &netlink.Route{
			Table:     table,
			LinkIndex: index,
			Dst:       single(lease.Address),
			Src:       conf.gateway().AsSlice(),
			Scope:     netlink.SCOPE_LINK,
		}
		if err := netlink.RouteAdd(route); err != nil {
			return failed("route to the pod", err)
		}
	}
	return failed("neighbour entry of the pod", netlink.NeighSet(neighbour(index, lease.Address, link.pod)))
}

func connectPod(conf *configuration, lease lease, link pair, pod netns.NsHandle, ifName string) error {
	inside, err := netlink.NewHandleAt(pod, unix.NETLINK_ROUTE)
	if err != nil {
		return failed("network namespace of the pod", err)
	}
	defer inside.Close()
	device, err := inside.LinkByName(ifName)
	if err != nil {
		return failed(ifName, err)
	}
	index, gateway := device.Attrs().Index, conf.gateway()
	if err := inside.AddrAdd(device, &netlink.Addr{IPNet: single(lease.Address)}); err != nil {
		return failed("address of the pod", err)
	}
	if err := inside.LinkSetUp(device); err != nil {
		return failed(ifName, err)
	}
	for _, each := range []*netlink.Route{
		{LinkIndex: index, Dst: single(gateway), Scope: netlink.SCOPE_LINK},
		{LinkIndex: index, Dst: everything(), Gw: gateway.AsSlice()},
	} {
		if err := inside.RouteAdd(each); err != nil {
			return failed("route of the pod", err)
		}
	}
	return failed("neighbour entry of the gateway", inside.NeighSet(neighbour(index, gateway, link.node)))
}

// disconnect removes the pair, with which all routes to the pod go, and then the rule.  It succeeds without either.
func disconnect(lease lease) error {
	device, err := netlink.LinkByName(lease.Device)
	if err == nil {
		err = ignoring(unix.ENODEV, netlink.LinkDel(device)) // it may go with the pod's network namespace meanwhile
	}
	if notFound := (netlink.LinkNotFoundError{}); err != nil && !errors.As(err, &notFound) {
		return failed(lease.Device, err)
	}
	return failed("rule of the pod", ignoring(unix.ENOENT, netlink.RuleDel(ruleOf(podRule, lease.Device, lease.Table))))
}

// verify reports what of a pod's connection is missing at the node.
func verify(lease lease) error {
	device, err := netlink.LinkByName(lease.Device)
	if err != nil {
		return failed(lease.Device, err)
	}
	wanted := &netlink.Route{Table: lease.Table, LinkIndex: device.Attrs().Index, Dst: single(lease.Address)}
	filter := netlink.RT_FILTER_TABLE | netlink.RT_FILTER_OIF | netlink.RT_FILTER_DST
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, wanted, filter)
	if err == nil && len(routes) == 0 {
		err = errors.New("there is none")
	}
	return failed("route to the pod", err)
}

// deviceOf returns the name of the node's end of a pair; no two leases have the same address.
func deviceOf(address netip.Addr) string {
	return fmt.Sprintf("veth%x", address.As4())
}

// hardwareAddress returns the one that belongs to an IPv4 address; the prefix is one of those for local use.
func hardwareAddress(address netip.Addr) net.HardwareAddr {
	return append(net.HardwareAddr{0x0a, 0x58}, address.AsSlice()...)
}

func neighbour(index int, address netip.Addr, hardware net.HardwareAddr) *netlink.Neigh {
	return &netlink.Neigh{
		LinkIndex:    index,
		Family:       netlink.FAMILY_V4,
		State:        netlink.NUD_PERMANENT,
		IP:           address.AsSlice(),
		HardwareAddr: hardware,
	}
}

func ruleOf(priority int, device string, table int) *netlink.Rule {
	rule := netlink.NewRule()
	rule.Priority, rule.IifName, rule.Table, rule.Family = priority, device, table, netlink.FAMILY_V4
	return rule
}

// ignoring returns err unless it is expected.
func ignoring(expected unix.Errno, err error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}
