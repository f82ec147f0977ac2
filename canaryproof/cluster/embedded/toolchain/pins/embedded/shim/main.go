// containerd-shim-runc-v2 of upstream's packages, for pods that live for seconds: it saves calls of runc, and limits the
// memory of pods.  docs/explanation/toolchain.md lists each difference from upstream's and what it gains.
package main

import (
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

func main() {
	runtime.GOMAXPROCS(2)        // upstream's default
	os.Setenv("GOMAXPROCS", "1") // for runc, which works in one thread
	shim.RunShim(context.Background(), shimManager{manager.NewShimManager("io.containerd.runc.v2")})
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
			debug.SetGCPercent(400) // upstream's 40 saves memory of shims that live for months
			tasks, err := task.NewTaskService(ic.Context, publisher.(shim.Publisher), ending.(shutdown.Service))
			return taskService{tasks}, err
		},
	})
}

// shimManager is what containerd calls to clean up after a shim.
type shimManager struct{ shim.Shim }

// Stop returns the recorded exit status of a container that runc does not know any more, because its shim has removed it.
// Upstream's Stop calls runc to remove it again.
func (m shimManager) Stop(ctx context.Context, id string) (shim.StopStatus, error) {
	namespace, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return shim.StopStatus{}, err
	}
	if _, err := os.Stat(filepath.Join(process.RuncRoot, namespace, id)); errors.Is(err, fs.ErrNotExist) {
		if exit, err := runc.ReadExitStatus(filepath.Join("..", id)); err == nil {
			return shim.StopStatus{Pid: exit.Pid, ExitStatus: exit.Status, ExitedAt: exit.Timestamp}, nil
		}
	}
	return m.Shim.Stop(ctx, id)
}

// taskService is what a running shim offers containerd.
type taskService struct{ taskapi.TTRPCTaskService }

// RegisterTTRPC makes it the service that containerd reaches.
func (t taskService) RegisterTTRPC(server *ttrpc.Server) error {
	taskapi.RegisterTTRPCTaskService(server, t)
	return nil
}

// Create makes a container.  Before a sandbox it limits the memory of the pod, whose cgroup the kubelet has made.
func (t taskService) Create(ctx context.Context, request *taskapi.CreateTaskRequest) (*taskapi.CreateTaskResponse, error) {
	if limit := os.Getenv("CANARYPROOF_POD_MEMORY"); limit != "" { // containerd hands its environment down
		if err := limitPod(filepath.Join(request.Bundle, "config.json"), limit); err != nil {
			return nil, fmt.Errorf("cannot limit the memory of the pod: %w", err)
		}
	}
	return t.TTRPCTaskService.Create(ctx, request)
}

// limitPod limits the memory of the pod whose sandbox has the OCI configuration in file to limit bytes.
//
// The kubelet limits a pod only where all its containers have limits.  The pod's cgroup also counts what containers that
// have ended wrote to file systems in memory.
func limitPod(file, limit string) error {
	most, err := strconv.ParseUint(limit, 10, 64)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var spec struct {
		Annotations map[string]string
		Linux       struct{ CgroupsPath string }
	}
	if err := json.Unmarshal(text, &spec); err != nil || spec.Annotations["io.kubernetes.cri.container-type"] != "sandbox" {
		return err
	}
	pod := filepath.Dir(spec.Linux.CgroupsPath)
	return errors.Join(
		lower("/sys/fs/cgroup/memory"+pod+"/memory.limit_in_bytes", most), // cgroup v1
		lower("/sys/fs/cgroup/memory"+pod+"/memory.memsw.limit_in_bytes", most),
		lower("/sys/fs/cgroup"+pod+"/memory.max", most), // cgroup v2
	)
}

// lower writes limit to a file of a cgroup, unless there is no such file or it has a lower limit.
func lower(file string, limit uint64) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if is, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil && is <= limit {
		return nil // "max" is no number
	}
	return os.WriteFile(file, []byte(strconv.FormatUint(limit, 10)), 0o600)
}

// errFinished is upstream's error for a process that has ended.
var errFinished = errgrpc.ToGRPC(fmt.Errorf("process already finished: %w", errdefs.ErrNotFound))

// Kill signals the first process of a container itself: it is the shim's own child, so its number is nobody else's.
// When that process has ended, the shim has ended all others of the container.  Upstream's Kill calls runc in both cases.
func (t taskService) Kill(ctx context.Context, request *taskapi.KillRequest) (*emptypb.Empty, error) {
	state, err := t.State(ctx, &taskapi.StateRequest{ID: request.ID})
	if err != nil {
		return nil, err
	}
	if request.ExecID == "" && state.Status == tasktypes.Status_STOPPED {
		return nil, errFinished
	}
	if request.ExecID != "" || request.All || state.Status != tasktypes.Status_RUNNING {
		return t.TTRPCTaskService.Kill(ctx, request)
	}
	if err := unix.Kill(int(state.Pid), unix.Signal(request.Signal)); !errors.Is(err, unix.ESRCH) {
		return &emptypb.Empty{}, err
	}
	return nil, errFinished
}
