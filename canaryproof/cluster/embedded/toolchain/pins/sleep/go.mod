module canaryproof/toolchain/sleep

go 1.24.0

tool github.com/u-root/u-root/cmds/core/sleep

require (
	github.com/u-root/u-root v0.16.0 // indirect
)
