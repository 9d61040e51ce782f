// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

#include "policy.h"

#include <vector>

#include "rule.h"
#include "values.h"

namespace {
class Enumerator : public Object<IEnumVARIANT> {
public:
    Enumerator(std::shared_ptr<Store> owner, std::vector<Record> records) : store(std::move(owner)), items(std::move(records)) {}

    HRESULT STDMETHODCALLTYPE Next(ULONG count, VARIANT *found, ULONG *fetched) override {
        // Only a caller that asks for one item may leave out the count.
        if (count < 1 || found == nullptr || (count > 1 && fetched == nullptr))
            return E_INVALIDARG;
        ULONG given = 0;
        HRESULT done = answer([&] {
            for (; given < count && position < items.size(); given++, position++) {
                if (static_cast<int>(position) + 1 == store->number("enumeration_fails_at"))
                    throw refuse::broken_call;
                found[given].vt = VT_DISPATCH;
                found[given].pdispVal = new Rule(store, items[position]);
            }
        });
        if (FAILED(done))
            return done;
        if (fetched)
            *fetched = given;
        return given == count ? S_OK : S_FALSE;
    }
    HRESULT STDMETHODCALLTYPE Skip(ULONG count) override {
        position += count;
        return position <= items.size() ? S_OK : S_FALSE;
    }
    HRESULT STDMETHODCALLTYPE Reset() override {
        position = 0;
        return S_OK;
    }
    HRESULT STDMETHODCALLTYPE Clone(IEnumVARIANT **copy) override {
        Enumerator *made = new Enumerator(store, items);
        made->position = position;
        *copy = made;
        return S_OK;
    }

private:
    std::shared_ptr<Store> store;
    std::vector<Record> items;
    size_t position = 0;
};

class Rules : public Dispatched<INetFwRules> {
public:
    explicit Rules(std::shared_ptr<Store> owner) : store(std::move(owner)) {}

    HRESULT STDMETHODCALLTYPE get_Count(LONG *count) override {
        *count = static_cast<LONG>(store->rules.size());
        return S_OK;
    }

    HRESULT STDMETHODCALLTYPE Add(INetFwRule *added) override {
        return answer([&] {
            Rule *rule = dynamic_cast<Rule *>(added);
            if (rule == nullptr)
                throw refuse::argument;
            Record record = rule->enter();
            try {
                store->check_name(record->at("name"), record);
                (*record)["key"] = store->next_key();
                store->commit("add", record, nullptr, nullptr, [&] {
                    Json &last = store->content["counters"]["last_key"];
                    last = last.get<int>() + 1;
                    store->rules.push_back(record);
                });
            } catch (...) {
                if (!store->contains(record))
                    rule->leave();
                throw;
            }
        });
    }

    // An absent name is no error and no commit.
    HRESULT STDMETHODCALLTYPE Remove(BSTR name) override {
        return answer([&] {
            std::vector<Record> found = store->named(narrow(given(name).value_or(L"")));
            if (found.empty())
                return;
            std::string takes = store->choice("remove_takes");
            if (takes != "all")
                found = {takes == "last" ? found.back() : found.front()};
            for (const Record &record : found)
                store->check_open(record);
            store->commit("remove", found.front(), nullptr, found.size(), [&] {
                for (const Record &record : found)
                    store->remove(record);
            });
        });
    }

    HRESULT STDMETHODCALLTYPE Item(BSTR name, INetFwRule **rule) override {
        return answer([&] {
            store->count("lookups");
            std::vector<Record> found = store->named(narrow(given(name).value_or(L"")));
            if (found.empty())
                throw refuse::absent;
            *rule = new Rule(store, store->choice("item_takes") == "last" ? found.back() : found.front());
        });
    }

    HRESULT STDMETHODCALLTYPE get__NewEnum(IUnknown **enumerator) override {
        return answer([&] {
            store->count("enumerations");
            *enumerator = new Enumerator(store, store->listed());
        });
    }

private:
    std::shared_ptr<Store> store;
};

class Policy : public Dispatched<INetFwPolicy2> {
public:
    explicit Policy(std::shared_ptr<Store> owner) : store(std::move(owner)) {}

    HRESULT STDMETHODCALLTYPE get_CurrentProfileTypes(LONG *profiles) override {
        return answer([&] { *profiles = store->content.at("active").get<LONG>(); });
    }
    HRESULT STDMETHODCALLTYPE get_FirewallEnabled(NET_FW_PROFILE_TYPE2 profile, VARIANT_BOOL *enabled) override { return flag(profile, "enabled", enabled); }
    HRESULT STDMETHODCALLTYPE get_BlockAllInboundTraffic(NET_FW_PROFILE_TYPE2 profile, VARIANT_BOOL *block) override {
        return flag(profile, "block_all", block);
    }
    HRESULT STDMETHODCALLTYPE get_UnicastResponsesToMulticastBroadcastDisabled(NET_FW_PROFILE_TYPE2 profile, VARIANT_BOOL *disabled) override {
        return answer([&] { *disabled = store->profile(profile).at("unicast_responses").get<bool>() ? VARIANT_FALSE : VARIANT_TRUE; });
    }
    HRESULT STDMETHODCALLTYPE get_ExcludedInterfaces(NET_FW_PROFILE_TYPE2 profile, VARIANT *interfaces) override {
        return answer([&] { *interfaces = variants(store->profile(profile).at("excluded_interfaces")); });
    }
    HRESULT STDMETHODCALLTYPE get_DefaultInboundAction(NET_FW_PROFILE_TYPE2 profile, NET_FW_ACTION *action) override {
        return action_of(profile, "inbound", action);
    }
    HRESULT STDMETHODCALLTYPE put_DefaultInboundAction(NET_FW_PROFILE_TYPE2 profile, NET_FW_ACTION action) override {
        return set_action(profile, "inbound", "default_inbound", action);
    }
    HRESULT STDMETHODCALLTYPE get_DefaultOutboundAction(NET_FW_PROFILE_TYPE2 profile, NET_FW_ACTION *action) override {
        return action_of(profile, "outbound", action);
    }
    HRESULT STDMETHODCALLTYPE put_DefaultOutboundAction(NET_FW_PROFILE_TYPE2 profile, NET_FW_ACTION action) override {
        return set_action(profile, "outbound", "default_outbound", action);
    }
    HRESULT STDMETHODCALLTYPE get_Rules(INetFwRules **rules) override {
        return answer([&] { *rules = new Rules(store); });
    }
    HRESULT STDMETHODCALLTYPE get_LocalPolicyModifyState(NET_FW_MODIFY_STATE *state) override {
        return answer([&] { *state = static_cast<NET_FW_MODIFY_STATE>(store->content.at("modify_state").get<int>()); });
    }

    // Members that the collection has no business with.
    HRESULT STDMETHODCALLTYPE put_FirewallEnabled(NET_FW_PROFILE_TYPE2, VARIANT_BOOL) override { return E_NOTIMPL; }
    HRESULT STDMETHODCALLTYPE put_ExcludedInterfaces(NET_FW_PROFILE_TYPE2, VARIANT) override { return E_NOTIMPL; }
    HRESULT STDMETHODCALLTYPE put_BlockAllInboundTraffic(NET_FW_PROFILE_TYPE2, VARIANT_BOOL) override { return E_NOTIMPL; }
    HRESULT STDMETHODCALLTYPE get_NotificationsDisabled(NET_FW_PROFILE_TYPE2, VARIANT_BOOL *) override { return E_NOTIMPL; }
    HRESULT STDMETHODCALLTYPE put_NotificationsDisabled(NET_FW_PROFILE_TYPE2, VARIANT_BOOL) override { return E_NOTIMPL; }
    HRESULT STDMETHODCALLTYPE put_UnicastResponsesToMulticastBroadcastDisabled(NET_FW_PROFILE_TYPE2, VARIANT_BOOL) override { return E_NOTIMPL; }
    HRESULT STDMETHODCALLTYPE get_ServiceRestriction(INetFwServiceRestriction **) override { return E_NOTIMPL; }
    HRESULT STDMETHODCALLTYPE EnableRuleGroup(LONG, BSTR, VARIANT_BOOL) override { return E_NOTIMPL; }
    HRESULT STDMETHODCALLTYPE IsRuleGroupEnabled(LONG, BSTR, VARIANT_BOOL *) override { return E_NOTIMPL; }
    HRESULT STDMETHODCALLTYPE RestoreLocalFirewallDefaults() override { return E_NOTIMPL; }
    HRESULT STDMETHODCALLTYPE get_IsRuleGroupCurrentlyEnabled(BSTR, VARIANT_BOOL *) override { return E_NOTIMPL; }

private:
    HRESULT flag(NET_FW_PROFILE_TYPE2 profile, const char *column, VARIANT_BOOL *value) {
        return answer([&] { *value = store->profile(profile).at(column).get<bool>() ? VARIANT_TRUE : VARIANT_FALSE; });
    }
    HRESULT action_of(NET_FW_PROFILE_TYPE2 profile, const char *column, NET_FW_ACTION *action) {
        return answer([&] { *action = static_cast<NET_FW_ACTION>(store->profile(profile).at(column).get<int>()); });
    }
    HRESULT set_action(NET_FW_PROFILE_TYPE2 profile, const char *column, const char *what, NET_FW_ACTION action) {
        return answer([&] {
            if (action != NET_FW_ACTION_ALLOW && action != NET_FW_ACTION_BLOCK)
                throw refuse::argument;
            Json &values = store->profile(profile);
            Record place = std::make_shared<Json>(Json{{"key", nullptr}, {"name", Store::profile_name(profile)}});
            store->commit(what, place, nullptr, static_cast<int>(action), [&] { values[column] = static_cast<int>(action); });
        });
    }

    std::shared_ptr<Store> store;
};
}  // namespace

INetFwPolicy2 *new_policy() {
    return new Policy(Store::open());
}

INetFwRule3 *new_rule() {
    return new Rule(Store::current());
}
