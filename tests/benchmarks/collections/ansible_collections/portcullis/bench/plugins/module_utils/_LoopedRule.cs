// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// What people loop over today: one module run for one rule. It lists all rules of the store and compares their names, then adds the rule, or
// puts each property that differs on the stored one. Written anew for the benchmark from how such a module behaves; it shares the store
// with ours, so that both pay the same for what the store does.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;
using Ansible.Basic;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRules;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallState;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallStore;

namespace ansible_collections.portcullis.bench.plugins.module_utils._LoopedRule
{
    public static class LoopedRule
    {
        // In the order in which they are compared, and put.
        private static readonly KeyValuePair<Func<INetFwRule3, object>, Action<INetFwRule3, INetFwRule3>>[] Compared =
        {
            Property(r => r.Description, (r, w) => r.Description = w.Description),
            Property(r => r.Enabled, (r, w) => r.Enabled = w.Enabled),
            Property(r => r.Direction, (r, w) => r.Direction = w.Direction),
            Property(r => r.Action, (r, w) => r.Action = w.Action),
            Property(r => r.Grouping, (r, w) => r.Grouping = w.Grouping),
            Property(r => r.Profiles, (r, w) => r.Profiles = w.Profiles),
            Property(r => Addresses(r.LocalAddresses), (r, w) => r.LocalAddresses = w.LocalAddresses),
            Property(r => Addresses(r.RemoteAddresses), (r, w) => r.RemoteAddresses = w.RemoteAddresses),
            Property(r => r.LocalPorts, (r, w) => r.LocalPorts = w.LocalPorts),
            Property(r => r.RemotePorts, (r, w) => r.RemotePorts = w.RemotePorts),
            Property(r => r.Protocol, (r, w) => r.Protocol = w.Protocol),
            Property(r => r.InterfaceTypes, (r, w) => r.InterfaceTypes = w.InterfaceTypes),
            Property(r => r.EdgeTraversalOptions, (r, w) => r.EdgeTraversalOptions = w.EdgeTraversalOptions),
            Property(r => r.SecureFlags, (r, w) => r.SecureFlags = w.SecureFlags)
        };

        public static void Run(AnsibleModule module)
        {
            IPolicyStore store = PolicyStores.Open();
            INetFwRules rules = store.Policy.Rules;
            INetFwRule3 wanted = store.NewRule();
            wanted.Name = (string)module.Params["name"];
            wanted.Description = (string)module.Params["description"];
            wanted.Grouping = (string)module.Params["group"];
            wanted.Enabled = true;
            wanted.Protocol = 6;
            wanted.LocalPorts = (string)module.Params["localport"];
            wanted.RemoteAddresses = (string)module.Params["remoteip"];

            List<INetFwRule3> same = new List<INetFwRule3>();
            foreach (object item in Rules.Enumerate(rules, new Counts()))
            {
                INetFwRule3 rule = (INetFwRule3)item;
                if (String.Equals(rule.Name, wanted.Name, StringComparison.OrdinalIgnoreCase))
                    same.Add(rule);
            }
            bool changed = same.Count == 0;
            if (changed && !module.CheckMode)
                rules.Add((INetFwRule)wanted);
            foreach (INetFwRule3 rule in same)
            {
                foreach (KeyValuePair<Func<INetFwRule3, object>, Action<INetFwRule3, INetFwRule3>> property in Compared)
                {
                    if (Equals(property.Key(rule), property.Key(wanted)))
                        continue;
                    changed = true;
                    if (!module.CheckMode)
                        property.Value(rule, wanted);
                }
            }
            module.Result["changed"] = changed;
            module.ExitJson();
        }

        private static KeyValuePair<Func<INetFwRule3, object>, Action<INetFwRule3, INetFwRule3>> Property(
            Func<INetFwRule3, object> get, Action<INetFwRule3, INetFwRule3> put)
        {
            return new KeyValuePair<Func<INetFwRule3, object>, Action<INetFwRule3, INetFwRule3>>(get, put);
        }

        // As a set: the store gives them back in another order.
        private static string Addresses(string text)
        {
            return String.Join(",", (text ?? "").Split(',').OrderBy(item => item, StringComparer.Ordinal).ToArray());
        }
    }
}
