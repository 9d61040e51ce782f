// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// TCP sessions of the host. Wine lists those of its own programs alone, so this program has both ends of them.
#include <winsock2.h>
#include <ws2tcpip.h>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>

#include "json.h"

namespace sessions {
class Socket {
public:
    explicit Socket(SOCKET made) : handle(made) {
        if (handle == INVALID_SOCKET)
            fail("socket");
        BOOL yes = TRUE, no = FALSE;
        setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, reinterpret_cast<char *>(&yes), sizeof yes);
        setsockopt(handle, IPPROTO_IPV6, IPV6_V6ONLY, reinterpret_cast<char *>(&no), sizeof no);
        // Gone at once: the same two ends may be wanted again.
        linger at_once{1, 0};
        setsockopt(handle, SOL_SOCKET, SO_LINGER, reinterpret_cast<char *>(&at_once), sizeof at_once);
    }
    ~Socket() { closesocket(handle); }
    Socket(const Socket &) = delete;
    Socket &operator=(const Socket &) = delete;

    [[noreturn]] static void fail(const std::string &what) { throw std::runtime_error(what + ": error " + std::to_string(WSAGetLastError())); }

    const SOCKET handle;
};

struct Address {
    Address(const std::string &text, int port) {
        addrinfo hints{};
        hints.ai_flags = AI_NUMERICHOST;
        hints.ai_socktype = SOCK_STREAM;
        if (getaddrinfo(text.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
            Socket::fail(text);
    }
    ~Address() { freeaddrinfo(found); }
    Address(const Address &) = delete;
    Address &operator=(const Address &) = delete;

    addrinfo *found = nullptr;
};

class Session {
public:
    Session(const Address &peer, const Address &local) : client(made(peer)) {
        Socket listener(made(local));
        bound(listener, local);
        if (listen(listener.handle, 1) != 0)
            Socket::fail("listen");
        bound(client, peer);
        if (connect(client.handle, local.found->ai_addr, static_cast<int>(local.found->ai_addrlen)) != 0)
            Socket::fail("connect");
        accepted = std::make_unique<Socket>(accept(listener.handle, nullptr, nullptr));
    }

private:
    static SOCKET made(const Address &address) { return socket(address.found->ai_family, SOCK_STREAM, IPPROTO_TCP); }
    static void bound(const Socket &one, const Address &address) {
        if (bind(one.handle, address.found->ai_addr, static_cast<int>(address.found->ai_addrlen)) != 0)
            Socket::fail("bind");
    }

    Socket client;
    std::unique_ptr<Socket> accepted;
};

// These sessions and no others: {peer, peer_port, local, local_port} each.
void establish(const Json &wanted) {
    static std::map<std::string, std::unique_ptr<Session>> held;
    std::map<std::string, std::unique_ptr<Session>> next;
    for (const Json &ends : wanted)
        next[ends.dump()] = std::move(held[ends.dump()]);
    held = std::move(next);
    for (const Json &ends : wanted) {
        std::unique_ptr<Session> &session = held[ends.dump()];
        if (!session)
            session = std::make_unique<Session>(Address(ends.at("peer"), ends.at("peer_port")), Address(ends.at("local"), ends.at("local_port")));
    }
}
}  // namespace sessions
