// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The in-process server of the class ids under which Windows has its firewall.
#include "object.h"
#include "policy.h"
#include "products.h"

namespace {
using Make = IDispatch *(*)();

class Factory : public Object<IClassFactory> {
public:
    explicit Factory(Make makes) : make(makes) {}

    HRESULT STDMETHODCALLTYPE CreateInstance(IUnknown *outer, REFIID wanted, void **object) override {
        if (outer != nullptr)
            return CLASS_E_NOAGGREGATION;
        IDispatch *made = nullptr;
        HRESULT done = answer([&] { made = make(); });
        if (FAILED(done))
            return done;
        done = made->QueryInterface(wanted, object);
        made->Release();
        return done;
    }
    HRESULT STDMETHODCALLTYPE LockServer(BOOL) override { return S_OK; }

private:
    const Make make;
};
}  // namespace

ITypeInfo *type_information(REFIID interface_id) {
    static ITypeLib *library = [] {
        ITypeLib *loaded = nullptr;
        LoadTypeLibEx(L"hnetcfg.dll", REGKIND_NONE, &loaded);
        return loaded;
    }();
    ITypeInfo *found = nullptr;
    if (library)
        library->GetTypeInfoOfGuid(interface_id, &found);
    return found;
}

extern "C" HRESULT WINAPI DllGetClassObject(REFCLSID wanted, REFIID interface_id, void **object) {
    Make make = nullptr;
    if (wanted == __uuidof(NetFwPolicy2))
        make = [] { return static_cast<IDispatch *>(new_policy()); };
    else if (wanted == __uuidof(NetFwRule))
        make = [] { return static_cast<IDispatch *>(new_rule()); };
    else if (wanted == __uuidof(NetFwProducts))
        make = [] { return static_cast<IDispatch *>(new_products()); };
    else
        return CLASS_E_CLASSNOTAVAILABLE;
    Factory *factory = new Factory(make);
    HRESULT done = factory->QueryInterface(interface_id, object);
    factory->Release();
    return done;
}

// .NET keeps objects until it collects them: never.
extern "C" HRESULT WINAPI DllCanUnloadNow() {
    return S_FALSE;
}
