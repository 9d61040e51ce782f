// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// The resolved operations, done one after the other, and undone backwards when one of them fails: Windows has no transaction.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallFailures;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallOperations;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallPolicy;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRules;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallState;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallTransaction
{
    public class Transaction
    {
        // The rows of every rule that was added or edited, as its object tells them afterwards.
        public readonly List<object> Written = new List<object>();
        // What could not be undone, in words.
        public readonly List<string> Remaining = new List<string>();
        // How many operations were done before the first that failed, and what failed.
        public int Done;
        public Exception Failure;
        public bool Failed { get { return Failure != null; } }

        private readonly IPolicyStore store;
        private readonly INetFwRules rules;
        private readonly FirewallState state;
        private readonly string owner;
        private readonly Counts counts;
        private readonly Stack<KeyValuePair<string, Action>> undo = new Stack<KeyValuePair<string, Action>>();
        private List<INetFwRule3> present;

        public Transaction(IPolicyStore store, FirewallState state, string owner, Counts counts)
        {
            this.store = store;
            this.state = state;
            this.owner = owner;
            this.counts = counts;
            rules = store.Policy.Rules;
        }

        public void Run(IList<Operation> operations)
        {
            try
            {
                foreach (Operation operation in operations)
                {
                    Do(operation);
                    Done++;
                }
            }
            catch (Exception failure)
            {
                Failure = failure;
                Undo();
            }
        }

        private void Do(Operation operation)
        {
            switch (operation.Kind)
            {
                case "add":
                    Add(operation);
                    break;
                case "edit":
                    foreach (KeyValuePair<Column, object> value in operation.Values)
                        Put(operation.Rule.Live, value.Key, value.Value, operation.Text);
                    Written.Add(new RuleCopy(operation.Rule.Live).Row());
                    break;
                case "remove":
                    Remove(operation.Rule.Live, operation.Text);
                    break;
                case "default_action":
                    SetDefault(operation);
                    break;
                case "logging":
                    SetLogging(operation);
                    break;
                default:
                    string before = store.ReadMemory(owner);
                    store.WriteMemory(owner, operation.Memory);
                    Undoable("put the memory back", () => store.WriteMemory(owner, before));
                    break;
            }
        }

        // The rule is complete before it is given to the store: that is one commit, and it is never in force half made.
        private void Add(Operation operation)
        {
            INetFwRule3 rule = store.NewRule();
            foreach (KeyValuePair<Column, object> value in operation.Values)
                value.Key.Put(rule, value.Value);
            rule.Grouping = FirewallState.Grouping(owner);
            Add(rule);
            string name = rule.Name;
            // Until it is read back, its name is all there is to know it by.
            RuleCopy copy = null;
            Undoable(String.Format(CultureInfo.InvariantCulture, "remove the added rule \"{0}\"", name), () => RemoveAdded(name, copy));
            copy = new RuleCopy(rule);
            Written.Add(copy.Row());
        }

        private void Add(INetFwRule3 rule)
        {
            rules.Add((INetFwRule)rule);
            counts.Commits++;
            state.Count(rule.Name, 1);
        }

        private void Put(INetFwRule3 rule, Column column, object value, string text)
        {
            object before = column.Get(rule);
            Commit(rule, column, value);
            Undoable(String.Format(CultureInfo.InvariantCulture, "put back {0} ({1})", column.Name, text), () => Commit(rule, column, before));
        }

        private void Commit(INetFwRule3 rule, Column column, object value)
        {
            string name = rule.Name;
            column.Put(rule, value);
            counts.Commits++;
            if (column.Name != "name")
                return;
            state.Count(name, -1);
            state.Count((string)value, 1);
        }

        // Exactly this rule. Remove takes a name, and names are not unique: where another rule has it too, this one gets a name of
        // its own first.
        private void Remove(INetFwRule3 rule, string text)
        {
            RuleCopy copy = new RuleCopy(rule);
            string name = copy.Name;
            bool renamed = !state.IsUnique(name);
            if (renamed)
            {
                name = "portcullis-remove-" + Guid.NewGuid().ToString("D");
                Put(rule, Columns.Writable["name"], name, text + ", now called \"" + name + "\"");
            }
            rules.Remove(name);
            counts.Commits++;
            state.Count(name, -1);
            // What puts the rule back puts it back under its own name.
            if (renamed)
                undo.Pop();
            Undoable("add the rule again (" + text + ")", () => Add(copy.Rebuild(store.NewRule())));
        }

        // The object that was added need not stand for the stored rule, so a name that is not unique needs a look at the store.
        private void RemoveAdded(string name, RuleCopy added)
        {
            if (state.IsUnique(name))
            {
                rules.Remove(name);
                counts.Commits++;
                state.Count(name, -1);
                return;
            }
            if (present == null)
                present = OwnRules();
            INetFwRule3 rule = added == null ? null : present.FirstOrDefault(item => item.Name == name && new RuleCopy(item).BaseId == added.BaseId);
            if (rule == null)
                throw new FirewallException("it cannot be told from other rules of the same name");
            present.Remove(rule);
            Remove(rule, "undo");
            undo.Pop();
        }

        private List<INetFwRule3> OwnRules()
        {
            List<INetFwRule3> own = new List<INetFwRule3>();
            foreach (object item in Rules.Enumerate(rules, counts))
            {
                INetFwRule3 rule = item as INetFwRule3;
                try
                {
                    if (rule != null && rule.Grouping == FirewallState.Grouping(owner))
                        own.Add(rule);
                }
                catch (Exception)
                {
                    // A rule that cannot be read is not the one that was added a moment ago.
                    continue;
                }
            }
            return own;
        }

        private void SetDefault(Operation operation)
        {
            NET_FW_PROFILE_TYPE2 profile = Profiles.Find(operation.Profile);
            NET_FW_ACTION before = operation.Inbound ? store.Policy.get_DefaultInboundAction(profile) : store.Policy.get_DefaultOutboundAction(profile);
            SetDefault(operation.Inbound, profile, operation.Allow ? NET_FW_ACTION.NET_FW_ACTION_ALLOW : NET_FW_ACTION.NET_FW_ACTION_BLOCK);
            Undoable("put back the " + operation.Text, () => SetDefault(operation.Inbound, profile, before));
        }

        private void SetDefault(bool inbound, NET_FW_PROFILE_TYPE2 profile, NET_FW_ACTION action)
        {
            if (inbound)
                store.Policy.set_DefaultInboundAction(profile, action);
            else
                store.Policy.set_DefaultOutboundAction(profile, action);
            counts.Commits++;
        }

        private void SetLogging(Operation operation)
        {
            int profile = (int)Profiles.Find(operation.Profile);
            ProfileLog before = store.ReadLog(profile);
            // Noted first: netsh may do half of it and fail.
            Undoable("put back the " + operation.Text, () => WriteLog(profile, before));
            WriteLog(profile, new ProfileLog { Allowed = operation.Allow, Path = operation.Path, Size = operation.Size });
        }

        private void WriteLog(int profile, ProfileLog log)
        {
            store.WriteLog(profile, log);
            counts.Commits++;
        }

        private void Undoable(string text, Action action)
        {
            undo.Push(new KeyValuePair<string, Action>(text, action));
        }

        private void Undo()
        {
            while (undo.Count > 0)
            {
                KeyValuePair<string, Action> step = undo.Pop();
                try
                {
                    step.Value();
                }
                catch (Exception failure)
                {
                    Remaining.Add("could not " + step.Key + ": " + Failures.Text(failure));
                }
            }
        }
    }
}
