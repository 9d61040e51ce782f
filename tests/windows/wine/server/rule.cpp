// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

#include "rule.h"

#include "values.h"

namespace {
Json blank_rule(bool enabled) {
    return {{"key", nullptr}, {"name", nullptr}, {"description", nullptr}, {"enabled", enabled}, {"direction", 1}, {"action", 1}, {"protocol", 256},
            {"local_ports", "*"}, {"remote_ports", "*"}, {"local_addresses", "*"}, {"remote_addresses", "*"}, {"profiles", NET_FW_PROFILE2_ALL},
            {"program", nullptr}, {"service", nullptr}, {"interface_types", "All"}, {"interfaces", nullptr}, {"icmp", "*"}, {"edge", 0}, {"secure", 0},
            {"grouping", nullptr}, {"local_user_owner", nullptr}, {"local_users", nullptr}, {"remote_users", nullptr}, {"remote_machines", nullptr},
            {"app_package", nullptr}};
}

bool ported(const Json &protocol) {
    return protocol == 6 || protocol == 17;
}

bool typed(const Json &protocol) {
    return protocol == 1 || protocol == 58;
}

int kept_profiles(LONG value) {
    if (value == NET_FW_PROFILE2_ALL || value == 7)
        return NET_FW_PROFILE2_ALL;
    if (value < 1 || value > 7)
        throw refuse::argument;
    return value;
}

// An array of VARIANT, not of BSTR; Windows takes no other.
Json kept_interfaces(const Store &store, const VARIANT &value) {
    if (value.vt == VT_EMPTY || value.vt == VT_NULL)
        return nullptr;
    bool texts = value.vt == (VT_ARRAY | VT_BSTR);
    if ((value.vt != (VT_ARRAY | VT_VARIANT) && !texts) || (texts && store.on("variant_array_only")) || SafeArrayGetDim(value.parray) != 1)
        throw refuse::argument;
    LONG first = 0, last = -1;
    SafeArrayGetLBound(value.parray, 1, &first);
    SafeArrayGetUBound(value.parray, 1, &last);
    Json names = Json::array();
    for (LONG index = first; index <= last; index++) {
        VARIANT item;
        VariantInit(&item);
        if (texts)
            item.vt = VT_BSTR;
        HRESULT got = SafeArrayGetElement(value.parray, &index, texts ? static_cast<void *>(&item.bstrVal) : &item);
        Given name = SUCCEEDED(got) && item.vt == VT_BSTR ? given(item.bstrVal) : Given();
        VariantClear(&item);
        if (!name || name->empty())
            throw refuse::argument;
        names.push_back(narrow(*name));
    }
    return names.empty() ? Json() : names;
}
}  // namespace

VARIANT variants(const Json &names) {
    VARIANT result;
    VariantInit(&result);
    if (names.is_null())
        return result;
    result.vt = VT_ARRAY | VT_VARIANT;
    result.parray = SafeArrayCreateVector(VT_VARIANT, 0, static_cast<ULONG>(names.size()));
    for (LONG index = 0; index < static_cast<LONG>(names.size()); index++) {
        VARIANT item;
        item.vt = VT_BSTR;
        item.bstrVal = bstr(wide(names[index].get<std::string>()));
        SafeArrayPutElement(result.parray, &index, &item);
        VariantClear(&item);
    }
    return result;
}

Rule::Rule(std::shared_ptr<Store> owner) : store(std::move(owner)), record(std::make_shared<Json>(blank_rule(!store->on("new_rule_disabled")))) {}

Record Rule::enter() {
    if (live)
        throw refuse::argument;
    const Json &name = record->at("name");
    (*record)["name"] = texts::keep_name(*store, name.is_null() ? Given() : Given(wide(name.get<std::string>())));
    check(*record);
    if (!store->on("added_object_is_live"))
        return std::make_shared<Json>(*record);
    live = true;
    return record;
}

bool Rule::has_ports() const {
    return ported(record->at("protocol"));
}

bool Rule::has_icmp() const {
    return typed(record->at("protocol"));
}

void Rule::check_readable() const {
    if (live && record->at("name") == store->choice("unreadable_rule"))
        throw refuse::absent;
}

// A detached rule may give back the very values that were put; a stored one gives what the store makes of them.
HRESULT Rule::read(BSTR *value, const char *property, const std::function<Given()> &shown) const {
    return answer([&] {
        check_readable();
        auto put = as_put.find(property);
        *value = bstr(!live && store->on("detached_as_put") && put != as_put.end() ? put->second : shown());
    });
}

template <class Number>
HRESULT Rule::read(Number *value, const std::function<Number()> &shown) const {
    return answer([&] {
        check_readable();
        *value = shown();
    });
}

HRESULT Rule::put(const char *property, const Json &told, const Given &raw, const std::function<void(Json &)> &change) {
    return answer([&] {
        if (live)
            store->check_open(record);
        Json next = *record;
        change(next);
        check(next);
        if (!live) {
            *record = next;
            as_put[property] = raw;
            return;
        }
        store->check_name(next.at("name"), record);
        store->commit("put", record, property, told, [&] {
            next["key"] = record->at("key");
            *record = next;
        });
    });
}

HRESULT Rule::put_text(const char *property, BSTR value, const std::function<Json(const Given &)> &keep) {
    Given raw = given(value);
    return put(property, raw ? Json(narrow(*raw)) : Json(), raw, [&](Json &next) { next[property] = keep(raw); });
}

// What Windows verifies at every commit.
void Rule::check(const Json &next) const {
    int direction = next.at("direction"), action = next.at("action"), protocol = next.at("protocol"), edge = next.at("edge"), secure = next.at("secure");
    bool wrong = protocol < 0 || protocol > 256 || direction < 1 || direction > 2 || action < 0 || action > 1
        || edge < 0 || edge > 3 || (edge != 0 && direction != 1) || secure < 0 || secure > 4 || (secure != 0 && action != 1);
    if (store->on("ports_need_protocol"))
        wrong = wrong || (!ported(protocol) && (next.at("local_ports") != "*" || next.at("remote_ports") != "*"))
            || (!typed(protocol) && next.at("icmp") != "*");
    if (wrong)
        throw refuse::argument;
    ports::check_place(*store, next.at("local_ports"), next, true);
    ports::check_place(*store, next.at("remote_ports"), next, false);
}

// Texts that are kept as they come.
#define PLAIN(name, column) \
    HRESULT Rule::get_##name(BSTR *value) { \
        return read(value, column, [&] { return texts::show(*store, record->at(column)); }); \
    } \
    HRESULT Rule::put_##name(BSTR value) { \
        return put_text(column, value, [&](const Given &text) { return texts::keep(*store, text); }); \
    }
PLAIN(Description, "description")
PLAIN(ServiceName, "service")
PLAIN(Grouping, "grouping")
PLAIN(LocalAppPackageId, "app_package")
PLAIN(LocalUserOwner, "local_user_owner")
PLAIN(LocalUserAuthorizedList, "local_users")
PLAIN(RemoteUserAuthorizedList, "remote_users")
PLAIN(RemoteMachineAuthorizedList, "remote_machines")
#undef PLAIN

// Texts that are kept in a form of their own.
#define SHAPED(name, column, shown, kept) \
    HRESULT Rule::get_##name(BSTR *value) { \
        return read(value, column, [&]() -> Given { return shown; }); \
    } \
    HRESULT Rule::put_##name(BSTR value) { \
        return put_text(column, value, [&](const Given &text) -> Json { return kept; }); \
    }
SHAPED(Name, "name", texts::show(*store, record->at("name")), texts::keep_name(*store, text))
SHAPED(ApplicationName, "program", texts::show(*store, record->at("program")), texts::keep_program(*store, text))
SHAPED(InterfaceTypes, "interface_types", wide(record->at("interface_types")), texts::keep_interface_types(text))
SHAPED(LocalAddresses, "local_addresses", wide(addresses::show(*store, record->at("local_addresses"))), addresses::keep(*store, text, false))
SHAPED(RemoteAddresses, "remote_addresses", wide(addresses::show(*store, record->at("remote_addresses"))), addresses::keep(*store, text, true))
#undef SHAPED

Given Rule::ports(const char *property) const {
    return has_ports() ? Given(wide(ports::show(*store, record->at(property)))) : texts::show(*store, nullptr);
}

// Ports exist for TCP and UDP alone, and the protocol has to be there first: even `*` is refused before. ICMP types likewise.
#define DEPENDENT(name, column, shown, fits, kept) \
    HRESULT Rule::get_##name(BSTR *value) { \
        return read(value, column, [&]() -> Given { return shown; }); \
    } \
    HRESULT Rule::put_##name(BSTR value) { \
        return put_text(column, value, [&](const Given &text) -> Json { \
            if (store->on("ports_need_protocol") && !fits()) \
                throw refuse::argument; \
            return kept; \
        }); \
    }
DEPENDENT(LocalPorts, "local_ports", ports("local_ports"), has_ports, ports::keep(*store, text))
DEPENDENT(RemotePorts, "remote_ports", ports("remote_ports"), has_ports, ports::keep(*store, text))
DEPENDENT(IcmpTypesAndCodes, "icmp", has_icmp() ? Given(wide(record->at("icmp"))) : texts::show(*store, nullptr), has_icmp, texts::keep_icmp(text))
#undef DEPENDENT

#define NUMBER(name, type, column, shown, told, kept) \
    HRESULT Rule::get_##name(type *value) { \
        return read<type>(value, [&] { return static_cast<type>(shown); }); \
    } \
    HRESULT Rule::put_##name(type value) { \
        return put(column, told, Given(), [&](Json &next) { next[column] = kept; }); \
    }
#define KEPT(column) record->at(column).get<int>()
NUMBER(Protocol, LONG, "protocol", KEPT("protocol"), value, value)
NUMBER(Direction, NET_FW_RULE_DIRECTION, "direction", KEPT("direction"), static_cast<int>(value), static_cast<int>(value))
NUMBER(Action, NET_FW_ACTION, "action", KEPT("action"), static_cast<int>(value), static_cast<int>(value))
NUMBER(EdgeTraversalOptions, LONG, "edge", KEPT("edge"), value, value)
NUMBER(SecureFlags, LONG, "secure", KEPT("secure"), value, value)
NUMBER(Profiles, LONG, "profiles", !store->on("all_profiles_value") && KEPT("profiles") == NET_FW_PROFILE2_ALL ? 7 : KEPT("profiles"), value,
       kept_profiles(value))
NUMBER(Enabled, VARIANT_BOOL, "enabled", record->at("enabled").get<bool>() ? VARIANT_TRUE : VARIANT_FALSE, value != VARIANT_FALSE, value != VARIANT_FALSE)
NUMBER(EdgeTraversal, VARIANT_BOOL, "edge", KEPT("edge") == 1 ? VARIANT_TRUE : VARIANT_FALSE, value != VARIANT_FALSE, value != VARIANT_FALSE ? 1 : 0)
NUMBER(Interfaces, VARIANT, "interfaces", variants(record->at("interfaces")), Json(), kept_interfaces(*store, value))
#undef NUMBER
