// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// One rule: detached, or a view of a rule in the store, where every put is a commit of its own.
#pragma once

#include <functional>
#include <map>

#include "object.h"
#include "store.h"

class Rule : public Dispatched<INetFwRule3, INetFwRule2, INetFwRule> {
public:
    // A detached one is as a new rule is.
    explicit Rule(std::shared_ptr<Store> owner);
    Rule(std::shared_ptr<Store> owner, Record stored) : store(std::move(owner)), record(std::move(stored)), live(true) {}

    // Rules.Add: checked as a whole, then kept. Whether this object is a view of the stored rule from now on is a switch.
    Record enter();
    void leave() { live = false; }

    // Two lines for each property: how it is read, and how it is put.
#define PROPERTY(type, name) \
    HRESULT STDMETHODCALLTYPE get_##name(type *value) override; \
    HRESULT STDMETHODCALLTYPE put_##name(type value) override;
    PROPERTY(BSTR, Name)
    PROPERTY(BSTR, Description)
    PROPERTY(BSTR, ApplicationName)
    PROPERTY(BSTR, ServiceName)
    PROPERTY(LONG, Protocol)
    PROPERTY(BSTR, LocalPorts)
    PROPERTY(BSTR, RemotePorts)
    PROPERTY(BSTR, LocalAddresses)
    PROPERTY(BSTR, RemoteAddresses)
    PROPERTY(BSTR, IcmpTypesAndCodes)
    PROPERTY(NET_FW_RULE_DIRECTION, Direction)
    PROPERTY(VARIANT, Interfaces)
    PROPERTY(BSTR, InterfaceTypes)
    PROPERTY(VARIANT_BOOL, Enabled)
    PROPERTY(BSTR, Grouping)
    PROPERTY(LONG, Profiles)
    PROPERTY(VARIANT_BOOL, EdgeTraversal)
    PROPERTY(NET_FW_ACTION, Action)
    PROPERTY(LONG, EdgeTraversalOptions)
    PROPERTY(BSTR, LocalAppPackageId)
    PROPERTY(BSTR, LocalUserOwner)
    PROPERTY(BSTR, LocalUserAuthorizedList)
    PROPERTY(BSTR, RemoteUserAuthorizedList)
    PROPERTY(BSTR, RemoteMachineAuthorizedList)
    PROPERTY(LONG, SecureFlags)
#undef PROPERTY

private:
    void check_readable() const;
    HRESULT read(BSTR *value, const char *property, const std::function<Given()> &shown) const;
    template <class Number>
    HRESULT read(Number *value, const std::function<Number()> &shown) const;
    HRESULT put(const char *property, const Json &told, const Given &raw, const std::function<void(Json &)> &change);
    HRESULT put_text(const char *property, BSTR value, const std::function<Json(const Given &)> &keep);
    void check(const Json &next) const;
    Given ports(const char *property) const;
    bool has_ports() const;
    bool has_icmp() const;

    std::shared_ptr<Store> store;
    Record record;
    bool live = false;
    // What was put while it was detached.
    std::map<std::string, Given> as_put;
};

// Names as COM gives them: an array of VARIANT, or none at all.
VARIANT variants(const Json &names);
