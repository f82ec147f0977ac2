"""Sets up the cluster's network: a loopback device with the node's address, and no route to the outside."""

from __future__ import annotations

import fcntl
import socket
import struct

# include/uapi/linux/sockios.h and if.h
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_SIOCSIFADDR = 0x8916
_SIOCSIFNETMASK = 0x891C
_IFF_UP = 0x1


def bring_up(node_address: str) -> None:
    """Bring up the loopback device and add *node_address* to it.

    The kubelet rejects a node address in 127.0.0.0/8, which is why the device needs a second one.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _raise_device(control, "lo")
        fcntl.ioctl(control, _SIOCSIFADDR, _request("lo:0", _address(node_address)))
        fcntl.ioctl(control, _SIOCSIFNETMASK, _request("lo:0", _address("255.255.255.255")))


def _raise_device(control: socket.socket, device: str) -> None:
    answer = fcntl.ioctl(control, _SIOCGIFFLAGS, _request(device, b""))
    (flags,) = struct.unpack_from("h", answer, 16)
    fcntl.ioctl(control, _SIOCSIFFLAGS, _request(device, struct.pack("h", flags | _IFF_UP)))


def _address(ip: str) -> bytes:
    return struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(ip))


def _request(device: str, payload: bytes) -> bytes:
    return struct.pack("16s24s", device.encode(), payload)
