package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/pkg/types"
	"golang.org/x/sys/unix"
)

// firstTable is the first routing table of a namespace; the kernel's own have numbers up to 255.
const firstTable = 1000

// lease is what a pod's network interface has for itself, and the routing table of its namespace.
type lease struct {
	Namespace string     `json:"namespace"`
	Table     int        `json:"table"`
	Address   netip.Addr `json:"address"`
	Device    string     `json:"device"`
}

// state is the content of the file in which the leases are recorded.
type state struct {
	Last   netip.Addr       `json:"last"` // the address that was leased last: the next one follows, so none returns soon
	Leases map[string]lease `json:"leases"`
}

// reserve leases an address to an interface of a pod in namespace.  The lease is recorded before anything is made of it,
// so that an interrupted add leaves nothing that del does not find.  The node and the table of the namespace are ready.
func reserve(conf *configuration, key, namespace string) (lease, error) {
	var reserved lease
	err := locked(conf, func(all *state) (bool, error) {
		if all.Leases == nil {
			if err := prepareNode(conf); err != nil {
				return false, err
			}
			all.Leases = map[string]lease{}
		}
		if there, ok := all.Leases[key]; ok { // of an add that was interrupted
			reserved = there
			return false, disconnect(there)
		}
		address, err := all.freeAddress(conf)
		if err != nil {
			return false, err
		}
		table, isNew := all.tableOf(namespace)
		if isNew {
			if err := prepareTable(conf, table); err != nil {
				return false, err
			}
		}
		reserved = lease{Namespace: namespace, Table: table, Address: address, Device: deviceOf(address)}
		all.Last, all.Leases[key] = address, reserved
		return true, nil
	})
	return reserved, err
}

// remove disconnects an interface, and ends its lease only then: nobody gets an address that still leads to a pod.
func remove(conf *configuration, key string) error {
	leases, err := list(conf)
	if err != nil {
		return err
	}
	ended, ok := leases[key]
	if !ok {
		return nil
	}
	if err := disconnect(ended); err != nil {
		return err
	}
	return locked(conf, func(all *state) (bool, error) {
		delete(all.Leases, key)
		for _, each := range all.Leases {
			if each.Table == ended.Table {
				return true, nil
			}
		}
		return true, emptyTable(ended.Table)
	})
}

// find returns the lease of an interface, and an error when it has none.
func find(conf *configuration, key string) (lease, error) {
	leases, err := list(conf)
	if err != nil {
		return lease{}, err
	}
	found, ok := leases[key]
	if !ok {
		return lease{}, types.NewError(types.ErrUnknownContainer, "the interface has no address", key)
	}
	return found, nil
}

// list returns all leases.  It needs no lock: the file is always replaced as a whole.
func list(conf *configuration) (map[string]lease, error) {
	all, err := read(conf)
	return all.Leases, err
}

// freeAddress returns the next address after the last one that no lease has.
func (all *state) freeAddress(conf *configuration) (netip.Addr, error) {
	taken := map[netip.Addr]bool{}
	for _, each := range all.Leases {
		taken[each.Address] = true
	}
	first := conf.gateway().Next()
	candidate := first
	if all.Last.IsValid() {
		candidate = all.Last.Next()
	}
	for range len(taken) + 2 {
		if !conf.Subnet.Contains(candidate.Next()) { // the last address of a network is for broadcasts
			candidate = first
		}
		if !taken[candidate] {
			return candidate, nil
		}
		candidate = candidate.Next()
	}
	return netip.Addr{}, types.NewError(types.ErrInternal, "all addresses are in use", conf.Subnet.String())
}

// tableOf returns the routing table of a namespace, and whether the namespace has no other pod.
func (all *state) tableOf(namespace string) (table int, isNew bool) {
	taken := map[int]bool{}
	for _, each := range all.Leases {
		if each.Namespace == namespace {
			return each.Table, false
		}
		taken[each.Table] = true
	}
	for table = firstTable; taken[table]; table++ {
	}
	return table, true
}

// locked calls change with the state while no other process changes it, and records the result if change says so.
func locked(conf *configuration, change func(*state) (bool, error)) error {
	if err := os.MkdirAll(conf.State, 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(conf.State, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close() // which ends the lock
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return failed("lock "+lock.Name(), err)
	}
	all, err := read(conf)
	if err != nil {
		return err
	}
	changed, err := change(&all)
	if err != nil || !changed {
		return err
	}
	return write(conf, all)
}

func read(conf *configuration) (state, error) {
	var all state
	text, err := os.ReadFile(filepath.Join(conf.State, "leases.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return all, err
	}
	return all, failed("leases.json", json.Unmarshal(text, &all))
}

func write(conf *configuration, all state) error {
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	unfinished := filepath.Join(conf.State, "leases.json.new")
	if err := os.WriteFile(unfinished, text, 0o600); err != nil {
		return err
	}
	return os.Rename(unfinished, filepath.Join(conf.State, "leases.json"))
}
