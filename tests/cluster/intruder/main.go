// intruder is what a container of a hostile chart may run: it tries to reach its node, or to use up what others need.
//
// It changes nothing: what it opens for writing it closes again.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	name, arguments := os.Args[1], os.Args[2:]
	switch name {
	case "writable":
		writable(arguments)
	case "calls":
		calls()
	case "devices":
		devices(arguments[0])
	case "processes":
		processes(number(arguments[0]))
	case "memory":
		memory(number(arguments[0]))
	case "file":
		file(arguments[0], number(arguments[1]))
	case "crash":
		os.Exit(1)
	}
	fmt.Println("done")
	for { // a container that ended would be started again
		time.Sleep(time.Hour)
	}
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return value
}

// writable names all files below the given folders that can be opened for writing.
func writable(folders []string) {
	for _, folder := range folders {
		seen := 0
		filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !entry.Type().IsRegular() {
				return nil
			}
			seen++
			fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
			if err == nil {
				syscall.Close(fd)
				fmt.Println("writable", path)
			}
			return nil
		})
		fmt.Println("looked at", seen, "in", folder)
	}
}

// newer has the numbers of system calls that the package syscall does not name.
var newer = map[string]map[string]uintptr{
	"amd64": {"bpf": 321, "open_by_handle_at": 304, "io_uring_setup": 425, "userfaultfd": 323, "setns": 308},
	"arm64": {"bpf": 280, "open_by_handle_at": 265, "io_uring_setup": 425, "userfaultfd": 282, "setns": 268},
}[runtime.GOARCH]

// calls tells of system calls that lead to rights over the node, or to its kernel, which of them are allowed.
func calls() {
	text := func(value string) uintptr {
		pointer, _ := syscall.BytePtrFromString(value)
		return uintptr(unsafe.Pointer(pointer))
	}
	attempts := []struct {
		name string
		call func() syscall.Errno
	}{
		{"mount", func() syscall.Errno { return raw(syscall.SYS_MOUNT, text("none"), text("/"), text("tmpfs"), 0, 0) }},
		{"remount", func() syscall.Errno {
			return raw(syscall.SYS_MOUNT, text("none"), text("/proc/sys"), 0, syscall.MS_REMOUNT|syscall.MS_BIND, 0)
		}},
		{"unmount", func() syscall.Errno { return raw(syscall.SYS_UMOUNT2, text("/proc/sys"), syscall.MNT_DETACH) }},
		{"add_key", func() syscall.Errno { return raw(syscall.SYS_ADD_KEY) }},
		{"keyctl", func() syscall.Errno { return raw(syscall.SYS_KEYCTL, 0, ^uintptr(2), 0) }},
		{"bpf", func() syscall.Errno { return raw(newer["bpf"], 5, 0, 0) }},
		{"open_by_handle_at", func() syscall.Errno { return raw(newer["open_by_handle_at"], ^uintptr(99), 0, 0) }},
		{"init_module", func() syscall.Errno { return raw(syscall.SYS_INIT_MODULE, 0, 0, 0) }},
		{"kexec_load", func() syscall.Errno { return raw(syscall.SYS_KEXEC_LOAD, 0, 0, 0, ^uintptr(0)) }},
		{"swapon", func() syscall.Errno { return raw(syscall.SYS_SWAPON, text("/nowhere"), 0) }},
		{"io_uring_setup", func() syscall.Errno { return raw(newer["io_uring_setup"], 0, 0) }},
		{"userfaultfd", func() syscall.Errno { return raw(newer["userfaultfd"], 0) }},
		{"setns", func() syscall.Errno { return join("/proc/1/ns/mnt") }},
		{"unshare", func() syscall.Errno { return raw(syscall.SYS_UNSHARE, syscall.CLONE_NEWUSER) }},
		{"unshare cgroup", func() syscall.Errno { return raw(syscall.SYS_UNSHARE, 0x02000000) }},
	}
	for _, attempt := range attempts {
		if errno := attempt.call(); errno != syscall.EPERM && errno != syscall.ENOSYS {
			fmt.Println("allowed", attempt.name, errno)
		}
	}
}

func raw(call uintptr, arguments ...uintptr) syscall.Errno {
	var padded [6]uintptr
	copy(padded[:], arguments)
	_, _, errno := syscall.RawSyscall6(call, padded[0], padded[1], padded[2], padded[3], padded[4], padded[5])
	return errno
}

func join(namespace string) syscall.Errno {
	file, err := os.Open(namespace)
	if err != nil {
		return syscall.EPERM
	}
	defer file.Close()
	return raw(newer["setns"], file.Fd(), 0)
}

// devices makes the nodes of devices that hold the node's memory and disks in folder, and opens them.
func devices(folder string) {
	made := 0
	try := func(kind uint32, major, minor int) {
		path := filepath.Join(folder, "device")
		os.Remove(path)
		if syscall.Mknod(path, kind|0o600, major<<8|minor) != nil {
			return
		}
		made++
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
		if err == nil {
			syscall.Close(fd)
		}
		if err != syscall.EPERM && err != syscall.EACCES {
			fmt.Println("reached", kind, major, minor, err)
		}
	}
	for _, minor := range []int{1, 2, 4, 11} { // mem, kmem, port, kmsg
		try(syscall.S_IFCHR, 1, minor)
	}
	try(syscall.S_IFCHR, 10, 237)                      // loop-control
	try(syscall.S_IFCHR, 10, 229)                      // fuse
	for _, major := range []int{7, 8, 253, 254, 259} { // loop, sd, device mapper or virtio, nvme
		try(syscall.S_IFBLK, major, 0)
	}
	fmt.Println("made", made)
}

// processes starts as many of itself as it is told to, or as it may.
func processes(most int) {
	started := 0
	for ; started < most; started++ {
		command := exec.Command("/proc/self/exe", "sleep")
		command.Env = []string{"GOMAXPROCS=1"}
		if err := command.Start(); err != nil {
			fmt.Println("refused", err)
			break
		}
	}
	fmt.Println("started", started)
}

// memory takes as many MiB as it is told to.
func memory(most int) {
	var kept [][]byte
	for taken := 0; taken < most; taken += 8 {
		block := make([]byte, 8<<20)
		for at := 0; at < len(block); at += 4096 {
			block[at] = 1
		}
		kept = append(kept, block)
	}
	fmt.Println("taken", len(kept)*8)
}

// file writes as many MiB to a file as it is told to, or as it may.
func file(path string, most int) {
	output, err := os.Create(path)
	if err != nil {
		panic(err)
	}
	defer output.Close()
	block := make([]byte, 1<<20)
	written := 0
	for ; written < most; written++ {
		if _, err := output.Write(block); err != nil {
			fmt.Println("refused", err)
			break
		}
	}
	fmt.Println("written", written)
}
