// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Products that have taken over from the Windows firewall, as INetFwProducts lists them.
using System;
using System.Collections.Generic;
using System.Linq;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;

namespace portcullis.msports.tests
{
    public class StandInProducts : INetFwProducts
    {
        private readonly List<object> products;

        public StandInProducts(IEnumerable<ProductRecord> records)
        {
            products = records.Select(record => (object)new StandInProduct(record)).ToList();
        }

        public int Count
        {
            get { return products.Count; }
        }

        public object _NewEnum
        {
            get { return new Enumerator(products, 0); }
        }

        public INetFwProduct Item(int index)
        {
            return (INetFwProduct)products[index];
        }

        public object Register(INetFwProduct product)
        {
            throw new NotSupportedException();
        }
    }

    public class StandInProduct : INetFwProduct
    {
        private readonly ProductRecord record;

        public StandInProduct(ProductRecord record)
        {
            this.record = record;
        }

        public object RuleCategories
        {
            get { return record.categories.Cast<object>().ToArray(); }
            set { throw new NotSupportedException(); }
        }

        public string DisplayName
        {
            get { return record.name; }
            set { throw new NotSupportedException(); }
        }

        public string PathToSignedProductExe
        {
            get { return null; }
        }
    }
}
