# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Single values of Windows firewall rules in one spelling each: ports, addresses, ICMP types, programs, profiles.

Windows gives back other texts than it was given: masks for prefixes, another order, a comma behind a keyword. Every function
here takes what a property may hold and returns one canonical text or a sorted tuple of such texts; ``("any",)`` is no limit.
Nothing is ever merged: two ranges that touch stay two. What cannot be read becomes ``?`` and the text as it is, which
equals nothing that this collection writes.
"""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports

Texts = t.Tuple[str, ...]

ANY: Texts = ("any",)
ANY_PROTOCOL = 256
ALL_PROFILES = 0x7FFFFFFF
PROFILE_BITS = {"domain": 1, "private": 2, "public": 4}
PROFILES = tuple(PROFILE_BITS)

# Letters and digits in lower case -> the policy store's spelling. NetSecurity and the registry spell some of them differently.
PORT_KEYWORDS = {
    "rpc": "RPC",
    "rpcepmap": "RPC-EPMap",
    "iphttps": "IPHTTPS",
    "iphttpsin": "IPHTTPS",
    "iphttpsout": "IPHTTPS",
    "iptlsin": "IPHTTPS",
    "iptlsout": "IPHTTPS",
    "teredo": "Teredo",
    "ply2disc": "Ply2Disc",
    "playtodiscovery": "Ply2Disc",
    "mdns": "mDNS",
    "cortanaout": "CortanaOut",
}
_ADDRESS_KEYWORDS = {
    "localsubnet": "LocalSubnet",
    "defaultgateway": "DefaultGateway",
    "dhcp": "DHCP",
    "dns": "DNS",
    "wins": "WINS",
    "internet": "Internet",
    "intranet": "Intranet",
    "rmtintranet": "RmtIntranet",
    "intranetremoteaccess": "RmtIntranet",
    "remotecorpnetwork": "RmtIntranet",
    "ply2renders": "Ply2Renders",
    "playtodevice": "Ply2Renders",
    "captiveportal": "CaptivePortal",
}
ADDRESS_KEYWORDS = {key + family: word + family for key, word in _ADDRESS_KEYWORDS.items() for family in ("", "4", "6")}
_PROTOCOL_NAMES = {"any": ANY_PROTOCOL, "tcp": 6, "udp": 17, "icmpv4": 1, "icmpv6": 58, "igmp": 2}
_INTERFACE_TYPES = {"all": "any", "any": "any", "lan": "Lan", "wired": "Lan", "wireless": "Wireless", "remoteaccess": "RemoteAccess"}
_NOT_A_WORD = re.compile(r"[^a-z0-9]")
_PORTS = re.compile(r"^(\d{1,5})(?:\s*-\s*(\d{1,5}))?\Z")
_MASKS = tuple(f"{number}." for number in (128, 192, 224, 240, 248, 252, 254, 255))
_ICMP = re.compile(r"^(\d{1,3})(?::(\*|\d{1,3}))?\Z")
_ROOT = re.compile(r"^[a-z]:\\[^\\].*[^\\]\Z")
# Variables of the same folder, and the folders that lie on the drive where Windows is.
_SAME = (("%windir%", "%systemroot%"), ("%programw6432%", "%programfiles%"))
_ON_DRIVE = (("\\program files (x86)", "%programfiles(x86)%"), ("\\program files", "%programfiles%"))


def unread(value: object) -> str:
    """Return the fallback of a value that has no canonical form."""
    return f"?{value}"


def ports(value: object) -> Texts:
    """Return ports: ``443``, ``49152-65535`` or a keyword each."""
    return _several(value, _port)


def addresses(value: object) -> Texts:
    """Return addresses: ``10.0.0.5``, ``10.0.0.0/24``, ``10.0.0.1-10.0.0.9`` or a keyword each."""
    return _address_list(value) if isinstance(value, str) else _several(value, _address)


@functools.lru_cache(maxsize=1 << 12)
def _address_list(text: str) -> Texts:
    return _several(text, _address)


def icmp(value: object) -> Texts:
    """Return ICMP types and codes: ``8:*`` each. The list may be parted by commas or semicolons."""
    return _several(value.replace(";", ",") if isinstance(value, str) else value, _icmp)


def interface_types(value: object) -> Texts:
    return _several(value, lambda token: _INTERFACE_TYPES.get(_word(token), unread(token)))


def interfaces(value: object) -> Texts:
    """Return the names of network interfaces; none is any."""
    if not value:
        return ANY
    return tuple(sorted({str(name) for name in value})) if isinstance(value, (list, tuple)) else (unread(value),)


def protocol(value: object) -> t.Union[int, str]:
    """Return the number of a protocol, 256 for any."""
    number = _PROTOCOL_NAMES.get(str(value).strip().lower(), value)
    if isinstance(number, str) and _ports.is_number(number.strip()):
        number = int(number)
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= ANY_PROTOCOL else unread(value)


def profiles(value: object) -> Texts:
    """Return the names of the profiles of a bit mask, or ``any`` for all of them."""
    if value in (ALL_PROFILES, 7):
        return ANY
    if isinstance(value, int) and 0 < value < 7:
        return tuple(name for name, bit in PROFILE_BITS.items() if value & bit)
    return (unread(value),)


def profile_mask(names: t.Collection[str]) -> int:
    """Return the bit mask of profiles by name."""
    return ALL_PROFILES if set(names) >= set(PROFILES) else sum(bit for name, bit in PROFILE_BITS.items() if name in names)


def program(value: object, root: str = "") -> str:
    """Return the path of a program, in lower case and with the folders of Windows by their variables; ``""`` is any.

    ``root`` is where Windows is (``C:\\Windows``). While it is not known, a folder is not its variable.
    """
    text = str(value or "").strip().lower()
    root = root.strip().lower().rstrip("\\")
    if not text:
        return text
    for variable, same in _SAME:
        text = _replaced(text, variable, same)
    if _ROOT.match(root):
        text = _replaced(text, "%systemdrive%", root[:2])
        for folder, variable in ((root, "%systemroot%"), *((root[:2] + folder, variable) for folder, variable in _ON_DRIVE)):
            text = _replaced(text, folder, variable)
    return text


def _replaced(text: str, folder: str, variable: str) -> str:
    return variable + text[len(folder) :] if text == folder or text.startswith(folder + "\\") else text


def service(value: object) -> str:
    """Return a service's short name; ``""`` is any, and ``*`` means services only."""
    return str(value or "").strip().lower()


def description(value: object) -> str:
    return " ".join(str(value or "").split())


def _several(value: object, canonical: t.Callable[[str], str]) -> Texts:
    if value is None:
        return ANY
    if not isinstance(value, str):
        return (unread(value),)
    tokens = [token.strip() for token in value.split(",")]
    return tuple(sorted({canonical(token) for token in tokens if token}, key=_order)) or ANY


def _order(text: str) -> t.Tuple[int, str]:
    return len(text), text


def _word(token: str) -> str:
    return _NOT_A_WORD.sub("", token.lower())


def _port(token: str) -> str:
    match = _PORTS.match(token)
    if match:
        first, last = int(match.group(1)), int(match.group(2) or match.group(1))
        return _ports.text_of((first, last)) if first <= last <= 65535 else unread(token)
    return "any" if token.lower() in ("*", "any") else PORT_KEYWORDS.get(_word(token), unread(token))


@functools.lru_cache(maxsize=1 << 16)
def _address(token: str) -> str:
    if token.lower() in ("*", "any"):
        return "any"
    if token.lower() in ADDRESS_KEYWORDS:
        return ADDRESS_KEYWORDS[token.lower()]
    mask = token.partition("/")[2]
    if "." in mask and mask != "0.0.0.0" and not mask.startswith(_MASKS):
        return unread(token)  # Python would take it for a mask turned inside out
    if "%" in token:
        return unread(token)  # a zone, which Python would leave out
    try:
        return _addresses.text_of(_addresses.parse_one(re.sub(r"\s*-\s*", "-", token)))
    except ValueError:
        return unread(token)


def _icmp(token: str) -> str:
    token = token.replace(" ", "")
    match = _ICMP.match(token)
    if match and int(match.group(1)) < 256 and (match.group(2) in (None, "*") or int(match.group(2)) < 256):
        return f"{int(match.group(1))}:{match.group(2) or '*'}"
    return "any" if token.lower() in ("*", "any", "*:*") else unread(token)
