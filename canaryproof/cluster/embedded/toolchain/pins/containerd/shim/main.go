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
	"slices"

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
	"github.com/opencontainers/runtime-spec/specs-go"
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

// sandbox is how an OCI configuration says that it is a sandbox's; inside a string its quotes would be escaped.
var sandbox = []byte(`"io.kubernetes.cri.container-type":"sandbox"`)

// frugalTasks is what a running shim offers containerd.
type frugalTasks struct{ taskapi.TTRPCTaskService }

// RegisterTTRPC makes it the service that containerd reaches.
func (t frugalTasks) RegisterTTRPC(server *ttrpc.Server) error {
	taskapi.RegisterTTRPCTaskService(server, t)
	return nil
}

// Create makes a container.  A sandbox only sleeps, while it holds its pod's namespaces: it needs no more of its own than
// /proc and /dev, and has not to be kept from anything; the filter for its system calls alone costs as much as its start.
func (t frugalTasks) Create(ctx context.Context, request *taskapi.CreateTaskRequest) (*taskapi.CreateTaskResponse, error) {
	if err := lightenSandbox(filepath.Join(request.Bundle, "config.json")); err != nil {
		return nil, err
	}
	return t.TTRPCTaskService.Create(ctx, request)
}

// lightenSandbox rewrites the OCI configuration in *file* where it is a sandbox's; most of it stays unread.
func lightenSandbox(file string) error {
	text, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(text, sandbox) {
		return err
	}
	var spec, linux map[string]json.RawMessage
	if err := json.Unmarshal(text, &spec); err != nil {
		return err
	}
	if err := json.Unmarshal(spec["linux"], &linux); err != nil {
		return err
	}
	for _, shield := range []string{"seccomp", "maskedPaths", "readonlyPaths"} {
		delete(linux, shield)
	}
	if spec["linux"], err = json.Marshal(linux); err != nil {
		return err
	}
	if spec["mounts"], err = needed(spec["mounts"]); err != nil {
		return err
	}
	if text, err = json.Marshal(spec); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// needed returns those of the mounts in *text* that a sandbox cannot do without.
func needed(text json.RawMessage) (json.RawMessage, error) {
	var mounts []specs.Mount
	if err := json.Unmarshal(text, &mounts); err != nil {
		return nil, err
	}
	return json.Marshal(slices.DeleteFunc(mounts, func(mount specs.Mount) bool {
		return mount.Destination != "/proc" && mount.Destination != "/dev"
	}))
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
