// containerd-shim-runc-v2, for pods that live for seconds: it starts no runc where there is nothing for it to do.
//
// containerd kills each container once more when it has ended, and has it removed once more when its shim has removed it.
// Upstream's shim runs runc for both, and to send a signal as well; with hundreds of short lives that is two calls in five.
// All that is not answered here is left to upstream's.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/manager"
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/process"
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/runc"
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/task"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/containerd/v2/pkg/shutdown"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"
	"github.com/containerd/ttrpc"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/emptypb"
)

// collected is by how many percent the heap may grow before garbage is collected; upstream's 40 saves memory where
// shims live for months.
const collected = 400

func main() {
	runtime.GOMAXPROCS(2)        // upstream's, where nothing else is said
	os.Setenv("GOMAXPROCS", "1") // runc's: it does one thing after the other, and each thread that it starts has to end
	shim.RunShim(context.Background(), frugalManager{manager.NewShimManager("io.containerd.runc.v2")})
}

func init() {
	registry.Register(&plugin.Registration{
		Type:     plugins.TTRPCPlugin,
		ID:       "task",
		Requires: []plugin.Type{plugins.EventPlugin, plugins.InternalPlugin},
		InitFn: func(ic *plugin.InitContext) (any, error) {
			publisher, err := ic.GetByID(plugins.EventPlugin, "publisher")
			if err != nil {
				return nil, err
			}
			ending, err := ic.GetByID(plugins.InternalPlugin, "shutdown")
			if err != nil {
				return nil, err
			}
			debug.SetGCPercent(collected)
			tasks, err := task.NewTaskService(ic.Context, publisher.(shim.Publisher), ending.(shutdown.Service))
			return frugalTasks{tasks}, err
		},
	})
}

// frugalManager is what containerd calls to clean up after a shim.
type frugalManager struct{ shim.Shim }

// Stop tells how a container ended that its shim has removed; any other is left to upstream's, which forces it.
func (m frugalManager) Stop(ctx context.Context, id string) (shim.StopStatus, error) {
	if exit, removed := removedBefore(ctx, id); removed {
		return exit, nil
	}
	return m.Shim.Stop(ctx, id)
}

// removedBefore reports how the container ended of which runc knows nothing any more.
func removedBefore(ctx context.Context, id string) (shim.StopStatus, bool) {
	namespace, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return shim.StopStatus{}, false
	}
	folder, err := os.Getwd()
	if err != nil {
		return shim.StopStatus{}, false
	}
	bundle := filepath.Join(filepath.Dir(folder), id)
	if options, err := runc.ReadOptions(bundle); err != nil || (options != nil && options.Root != "") {
		return shim.StopStatus{}, false
	}
	if _, err := os.Stat(filepath.Join(process.RuncRoot, namespace, id)); !errors.Is(err, fs.ErrNotExist) {
		return shim.StopStatus{}, false
	}
	exit, err := runc.ReadExitStatus(bundle)
	return shim.StopStatus{Pid: exit.Pid, ExitStatus: exit.Status, ExitedAt: exit.Timestamp}, err == nil
}

// frugalTasks is what a running shim offers containerd.
type frugalTasks struct{ taskapi.TTRPCTaskService }

// RegisterTTRPC makes it the service that containerd reaches.
func (t frugalTasks) RegisterTTRPC(server *ttrpc.Server) error {
	taskapi.RegisterTTRPCTaskService(server, t)
	return nil
}

// Create makes a container.  With its sandbox, a pod gets the limit of memory that the node sets for each.
func (t frugalTasks) Create(ctx context.Context, request *taskapi.CreateTaskRequest) (*taskapi.CreateTaskResponse, error) {
	if limit := os.Getenv(podMemory); limit != "" {
		if err := limitPod(filepath.Join(request.Bundle, "config.json"), limit); err != nil {
			return nil, fmt.Errorf("cannot limit the memory of the pod: %w", err)
		}
	}
	return t.TTRPCTaskService.Create(ctx, request)
}

// podMemory is the environment variable with the most bytes that a pod gets; containerd hands its environment down.
//
// The kubelet limits a pod whose containers are all limited, and no other.  What a pod writes to file systems in memory
// counts, and is there after its processes: so the limit is the pod's, and not that of a container that is started anew.
const podMemory = "CANARYPROOF_POD_MEMORY"

// sandbox is how an OCI configuration says that it is a sandbox's; inside a string its quotes would be escaped.
var sandbox = []byte(`"io.kubernetes.cri.container-type":"sandbox"`)

// limitPod lowers the limit of memory of the pod whose sandbox has the OCI configuration in file; a lower one stays.
func limitPod(file, limit string) error {
	text, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(text, sandbox) {
		return err
	}
	var spec struct{ Linux struct{ CgroupsPath string } }
	if err := json.Unmarshal(text, &spec); err != nil {
		return err
	}
	most, err := strconv.ParseUint(limit, 10, 64)
	if err != nil {
		return err
	}
	pod := filepath.Dir(spec.Linux.CgroupsPath)
	for _, settings := range [][]string{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"},
		{"/sys/fs/cgroup", "memory.max"},
	} {
		for _, name := range settings[1:] {
			if err := lower(filepath.Join(settings[0], pod, name), most); err != nil {
				return err
			}
		}
	}
	return nil
}

// lower writes limit to a file of a cgroup, where that exists and does not hold a lower one.
func lower(file string, limit uint64) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if is, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil && is <= limit {
		return nil // what is not a number is "max"
	}
	return os.WriteFile(file, []byte(strconv.FormatUint(limit, 10)), 0o600)
}

// errFinished is how upstream's shim says that there is nobody to signal.
var errFinished = errgrpc.ToGRPC(fmt.Errorf("process already finished: %w", errdefs.ErrNotFound))

// Kill signals the first process of a container itself: it is the shim's own child, so its number is nobody else's.
// Of one that has ended nothing is left: its shim has ended the others before it said so.
func (t frugalTasks) Kill(ctx context.Context, request *taskapi.KillRequest) (*emptypb.Empty, error) {
	if request.ExecID != "" {
		return t.TTRPCTaskService.Kill(ctx, request)
	}
	state, err := t.State(ctx, &taskapi.StateRequest{ID: request.ID})
	switch {
	case err != nil:
		return nil, err
	case state.Status == tasktypes.Status_STOPPED:
		return nil, errFinished
	case state.Status == tasktypes.Status_RUNNING && !request.All:
		return signal(state.Pid, request.Signal)
	default:
		return t.TTRPCTaskService.Kill(ctx, request)
	}
}

func signal(pid, number uint32) (*emptypb.Empty, error) {
	switch err := unix.Kill(int(pid), unix.Signal(number)); {
	case err == nil:
		return &emptypb.Empty{}, nil
	case errors.Is(err, unix.ESRCH):
		return nil, errFinished
	default:
		return nil, err
	}
}
