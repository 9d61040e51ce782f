// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// Every write to the rules of the store, counted, and what is needed to hit exactly one rule where names are not unique.
using System;
using System.Collections.Generic;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallPolicy;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRules;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallState;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallWriter
{
    public class RuleWriter
    {
        private static readonly Column NameColumn = Columns.Writable["name"];

        private readonly IPolicyStore store;
        private readonly INetFwRules rules;
        private FirewallState state;
        private readonly Counts counts;
        private readonly string owner;

        public RuleWriter(IPolicyStore store, FirewallState state, string owner, Counts counts)
        {
            this.store = store;
            this.state = state;
            this.counts = counts;
            rules = store.Policy.Rules;
            this.owner = owner;
        }

        public INetFwRule3 Build(IEnumerable<KeyValuePair<Column, object>> values)
        {
            INetFwRule3 rule = store.NewRule();
            foreach (KeyValuePair<Column, object> value in values)
                value.Key.Put(rule, value.Value);
            rule.Grouping = FirewallState.Grouping(owner);
            return rule;
        }

        public INetFwRule3 Build(RuleCopy copy)
        {
            return copy.Rebuild(store.NewRule());
        }

        // The rule is complete before it is given to the store: that is one commit, and it is never in force half made.
        // A name counts before the commit, and stops to count after it: what fails may have taken effect, and one name too many
        // only costs a detour in Remove, while one too few would hit a rule of others.
        public void Add(INetFwRule3 rule)
        {
            state.Count(rule.Name, 1);
            rules.Add((INetFwRule)rule);
            counts.Commits++;
        }

        public void Put(INetFwRule3 rule, Column column, object value)
        {
            string before = column == NameColumn ? rule.Name : null;
            if (before != null)
                state.Count((string)value, 1);
            column.Put(rule, value);
            counts.Commits++;
            if (before != null)
                state.Count(before, -1);
        }

        public void Rename(INetFwRule3 rule, string name)
        {
            Put(rule, NameColumn, name);
        }

        public void Remove(string name)
        {
            rules.Remove(name);
            counts.Commits++;
            state.Count(name, -1);
        }

        // Remove takes a name. Where another rule has it too, of anyone, the rule gets a name of its own first: this one, else null.
        public string NameToRemoveBy(string name)
        {
            return state.IsUnique(name) ? null : "portcullis-remove-" + Guid.NewGuid().ToString("D");
        }

        // The rules as they are in the store now: one more pass, and by it the names, too, are known anew.
        public FirewallState Look()
        {
            state = FirewallState.ReadRules(store, owner, counts);
            return state;
        }
    }
}
