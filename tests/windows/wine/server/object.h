// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What every COM object of this server is: counted, asked for its interfaces, and callable by name (PowerShell's New-Object -ComObject).
#pragma once

#include <windows.h>
#include <oaidl.h>
#include <netfw.h>

#include <atomic>
#include <new>
#include <stdexcept>

#include "text.h"

// Runs what a member does; what it throws becomes the HRESULT.
template <class Work>
HRESULT answer(Work work) noexcept {
    try {
        work();
        return S_OK;
    } catch (const Refused &refused) {
        return refused.status;
    } catch (const std::bad_alloc &) {
        return E_OUTOFMEMORY;
    } catch (const std::exception &) {
        return E_UNEXPECTED;
    }
}

// The interface's description out of the type library of Wine's own firewall, which has them all.
ITypeInfo *type_information(REFIID interface_id);

// Interface: what is implemented. Bases: what it inherits, and is asked for, too.
template <class Interface, class... Bases>
class Object : public Interface {
public:
    virtual ~Object() = default;

    HRESULT STDMETHODCALLTYPE QueryInterface(REFIID wanted, void **object) override {
        if (object == nullptr)
            return E_POINTER;
        bool known = (wanted == __uuidof(IUnknown)) || (wanted == __uuidof(Interface)) || (... || (wanted == __uuidof(Bases)));
        *object = known ? static_cast<Interface *>(this) : nullptr;
        if (known)
            AddRef();
        return known ? S_OK : E_NOINTERFACE;
    }
    ULONG STDMETHODCALLTYPE AddRef() override { return ++references; }
    ULONG STDMETHODCALLTYPE Release() override {
        ULONG left = --references;
        if (left == 0)
            delete this;
        return left;
    }

private:
    std::atomic<ULONG> references{1};
};

template <class Interface, class... Bases>
class Dispatched : public Object<Interface, IDispatch, Bases...> {
public:
    HRESULT STDMETHODCALLTYPE GetTypeInfoCount(UINT *count) override {
        *count = type_information(__uuidof(Interface)) ? 1 : 0;
        return S_OK;
    }
    HRESULT STDMETHODCALLTYPE GetTypeInfo(UINT index, LCID, ITypeInfo **found) override {
        *found = index == 0 ? type_information(__uuidof(Interface)) : nullptr;
        if (*found)
            (*found)->AddRef();
        return *found ? S_OK : DISP_E_BADINDEX;
    }
    HRESULT STDMETHODCALLTYPE GetIDsOfNames(REFIID, LPOLESTR *names, UINT count, LCID, DISPID *ids) override {
        ITypeInfo *info = type_information(__uuidof(Interface));
        return info ? info->GetIDsOfNames(names, count, ids) : E_NOTIMPL;
    }
    HRESULT STDMETHODCALLTYPE Invoke(DISPID id, REFIID, LCID, WORD flags, DISPPARAMS *arguments, VARIANT *result, EXCEPINFO *failure, UINT *wrong) override {
        ITypeInfo *info = type_information(__uuidof(Interface));
        return info ? info->Invoke(static_cast<Interface *>(this), id, flags, arguments, result, failure, wrong) : E_NOTIMPL;
    }
};
