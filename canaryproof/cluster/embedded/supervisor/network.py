"""Sets up the cluster's network: a loopback device with the node's addresses, and no route to the outside."""

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


def bring_up(*addresses: str) -> None:
    """Bring up the loopback device and add *addresses* to it.

    The kubelet rejects a node address in 127.0.0.0/8, which is why the device needs others.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _raise_device(control, "lo")
        for number, address in enumerate(addresses):
            label = f"lo:{number}"
            fcntl.ioctl(control, _SIOCSIFADDR, _request(label, _address(address)))
            fcntl.ioctl(control, _SIOCSIFNETMASK, _request(label, _address("255.255.255.255")))


def _raise_device(control: socket.socket, device: str) -> None:
    answer = fcntl.ioctl(control, _SIOCGIFFLAGS, _request(device, b""))
    (flags,) = struct.unpack_from("h", answer, 16)
    fcntl.ioctl(control, _SIOCSIFFLAGS, _request(device, struct.pack("h", flags | _IFF_UP)))


def _address(ip: str) -> bytes:
    return struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(ip))


def _request(device: str, payload: bytes) -> bytes:
    return struct.pack("16s24s", device.encode(), payload)
