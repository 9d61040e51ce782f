// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Other products that have taken over from the Windows firewall.
#include "products.h"

#include <vector>

#include "object.h"
#include "store.h"
#include "values.h"

namespace {
class Product : public Dispatched<INetFwProduct> {
public:
    explicit Product(Json values) : record(std::move(values)) {}

    HRESULT STDMETHODCALLTYPE get_RuleCategories(VARIANT *categories) override {
        return answer([&] {
            const Json &numbers = record.at("categories");
            SAFEARRAY *made = SafeArrayCreateVector(VT_VARIANT, 0, static_cast<ULONG>(numbers.size()));
            for (LONG index = 0; index < static_cast<LONG>(numbers.size()); index++) {
                VARIANT number;
                VariantInit(&number);
                number.vt = VT_I4;
                number.lVal = numbers[static_cast<size_t>(index)].get<LONG>();
                SafeArrayPutElement(made, &index, &number);
            }
            categories->vt = VT_ARRAY | VT_VARIANT;
            categories->parray = made;
        });
    }
    HRESULT STDMETHODCALLTYPE get_DisplayName(BSTR *name) override {
        return answer([&] { *name = SysAllocString(wide(record.at("name").get<std::string>()).c_str()); });
    }
    HRESULT STDMETHODCALLTYPE get_PathToSignedProductExe(BSTR *path) override {
        *path = nullptr;
        return S_OK;
    }
    HRESULT STDMETHODCALLTYPE put_RuleCategories(VARIANT) override { return E_NOTIMPL; }
    HRESULT STDMETHODCALLTYPE put_DisplayName(BSTR) override { return E_NOTIMPL; }

private:
    const Json record;
};

class ProductEnumerator : public Object<IEnumVARIANT> {
public:
    explicit ProductEnumerator(Json records) : items(std::move(records)) {}

    HRESULT STDMETHODCALLTYPE Next(ULONG count, VARIANT *found, ULONG *fetched) override {
        if (count < 1 || found == nullptr || (count > 1 && fetched == nullptr))
            return E_INVALIDARG;
        ULONG given = 0;
        for (; given < count && position < items.size(); given++, position++) {
            found[given].vt = VT_DISPATCH;
            found[given].pdispVal = new Product(items[position]);
        }
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
    HRESULT STDMETHODCALLTYPE Clone(IEnumVARIANT **) override { return E_NOTIMPL; }

private:
    const Json items;
    size_t position = 0;
};

class Products : public Dispatched<INetFwProducts> {
public:
    explicit Products(Json records) : items(std::move(records)) {}

    HRESULT STDMETHODCALLTYPE get_Count(LONG *count) override {
        *count = static_cast<LONG>(items.size());
        return S_OK;
    }
    HRESULT STDMETHODCALLTYPE Item(LONG index, INetFwProduct **product) override {
        if (index < 0 || static_cast<size_t>(index) >= items.size())
            return E_INVALIDARG;
        *product = new Product(items[static_cast<size_t>(index)]);
        return S_OK;
    }
    HRESULT STDMETHODCALLTYPE get__NewEnum(IUnknown **enumerator) override {
        *enumerator = new ProductEnumerator(items);
        return S_OK;
    }
    HRESULT STDMETHODCALLTYPE Register(INetFwProduct *, IUnknown **) override { return E_NOTIMPL; }

private:
    const Json items;
};
}  // namespace

INetFwProducts *new_products() {
    const Json &records = Store::current()->content.at("products");
    if (records.is_null())
        throw refuse::broken_call;
    return new Products(records);
}
