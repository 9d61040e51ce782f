// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// The resolved operations, done one after the other, and undone backwards when one of them fails: Windows has no transaction.
using System;
using System.Collections.Generic;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallFailures;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallOperations;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallPolicy;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRules;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallState;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallUndo;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallWriter;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallTransaction
{
    public class Transaction
    {
        // The rows of every rule that was added or edited, as its object tells them afterwards.
        public readonly List<object> Written = new List<object>();
        // How many operations were done before the first that failed, what failed, and what could not be undone.
        public int Done;
        public Exception Failure;
        public List<string> Remaining = new List<string>();

        private readonly IPolicyStore store;
        private readonly Counts counts;
        private readonly RuleWriter rules;
        private readonly UndoStack undo;

        public Transaction(IPolicyStore store, FirewallState state, string owner, Counts counts)
        {
            this.store = store;
            this.counts = counts;
            rules = new RuleWriter(store, state, owner, counts);
            undo = new UndoStack(rules.Forget);
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
                Remaining = undo.Run();
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
                    Edit(operation);
                    break;
                case "remove":
                    Remove(operation);
                    break;
                case "default_action":
                    SetDefault(operation);
                    break;
                case "logging":
                    SetLogging(operation);
                    break;
                default:
                    SetMemory(operation);
                    break;
            }
        }

        private void Add(Operation operation)
        {
            INetFwRule3 rule = rules.Build(operation.Values);
            RuleCopy copy = new RuleCopy(rule);
            string aside = null;
            int before = rules.Known(copy);
            UndoStep step = undo.Note(
                "undo " + operation.Text,
                () => (aside == null || rules.Find(aside) == null) && rules.PresentLike(copy) <= before,
                () =>
                {
                    aside = aside ?? rules.NameToRemoveBy(copy.Name);
                    RemoveAdded(copy, aside);
                });
            rules.Add(rule);
            step.Certain = true;
            copy = new RuleCopy(rule);
            rules.Note(copy, 1);
            Written.Add(copy.Row());
        }

        // The object that was added need not stand for the rule in the store. By a name that is unique it is found all the same;
        // otherwise any rule of the same content will do, because nothing tells it from the one that was added.
        private void RemoveAdded(RuleCopy copy, string aside)
        {
            if (aside != null && rules.Find(aside) == null)
            {
                INetFwRule3 rule = rules.Find(copy);
                if (rule == null)
                    throw new FirewallException("no rule of the same content is there");
                rules.Rename(rule, aside);
                rules.Present().Remove(rule);
            }
            rules.Remove(aside ?? copy.Name);
        }

        // Each put is a commit of its own.
        private void Edit(Operation operation)
        {
            INetFwRule3 rule = operation.Rule.Live;
            RuleCopy before = new RuleCopy(rule);
            foreach (KeyValuePair<Column, object> value in operation.Values)
            {
                Column column = value.Key;
                object old = column.Get(rule);
                undo.Note(
                    "put back " + column.Name + " (" + operation.Text + ")",
                    () => Column.Same(column.Get(rule), old),
                    () => rules.Put(rule, column, old));
                rules.Put(rule, column, value.Value);
            }
            RuleCopy after = new RuleCopy(rule);
            rules.Note(before, -1);
            rules.Note(after, 1);
            Written.Add(after.Row());
        }

        // Exactly this rule, by a name that no other has.
        private void Remove(Operation operation)
        {
            INetFwRule3 rule = operation.Rule.Live;
            RuleCopy copy = new RuleCopy(rule);
            string aside = rules.NameToRemoveBy(copy.Name);
            int before = rules.Known(copy);
            UndoStep step = null;
            step = undo.Note(
                "undo " + operation.Text + (aside == null ? "" : " (the rule may be called \"" + aside + "\" now)"),
                () => rules.PresentLike(copy) >= before,
                () =>
                {
                    if (aside != null && !step.Certain && rules.Find(aside) != null)
                        rules.Rename(rules.Find(aside), copy.Name);
                    else
                        rules.Add(rules.Build(copy));
                });
            if (aside != null)
                rules.Rename(rule, aside);
            rules.Remove(aside ?? copy.Name);
            step.Certain = true;
            rules.Note(copy, -1);
        }

        private void SetDefault(Operation operation)
        {
            NET_FW_PROFILE_TYPE2 profile = Profiles.Find(operation.Profile);
            NET_FW_ACTION before = GetDefault(operation.Inbound, profile);
            undo.Note(
                "put back the " + operation.Text,
                () => GetDefault(operation.Inbound, profile) == before,
                () => SetDefault(operation.Inbound, profile, before));
            SetDefault(operation.Inbound, profile, operation.Allow ? NET_FW_ACTION.NET_FW_ACTION_ALLOW : NET_FW_ACTION.NET_FW_ACTION_BLOCK);
        }

        private NET_FW_ACTION GetDefault(bool inbound, NET_FW_PROFILE_TYPE2 profile)
        {
            return inbound ? store.Policy.get_DefaultInboundAction(profile) : store.Policy.get_DefaultOutboundAction(profile);
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
            undo.Note(
                "put back the " + operation.Text,
                () =>
                {
                    ProfileLog now = store.ReadLog(profile);
                    return now.Allowed == before.Allowed && now.Path == before.Path && now.Size == before.Size;
                },
                () => WriteLog(profile, before));
            WriteLog(profile, new ProfileLog { Allowed = operation.Allow, Path = operation.Path, Size = operation.Size });
        }

        private void WriteLog(int profile, ProfileLog log)
        {
            store.WriteLog(profile, log);
            counts.Commits++;
        }

        private void SetMemory(Operation operation)
        {
            string before = store.ReadMemory(FirewallState.Memory);
            undo.Note(
                "put the memory back",
                () => store.ReadMemory(FirewallState.Memory) == before,
                () => store.WriteMemory(FirewallState.Memory, before));
            store.WriteMemory(FirewallState.Memory, operation.Memory);
        }
    }
}
