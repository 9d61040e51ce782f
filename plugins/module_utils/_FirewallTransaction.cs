// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// The resolved operations, done one after the other, and undone backwards when one of them fails: Windows has no transaction.
// A commit that fails may have taken effect all the same, so a step of the way back is noted before its change is tried, and looks whether
// there is anything to put back; and a step that fails looks again before it is told as a failure.
using System;
using System.Collections.Generic;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallColumns;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallOperations;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRestore;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRules;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallState;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallTransaction
{
    public class UndoStep
    {
        public readonly string Text;
        public readonly Func<bool> IsBack;
        public readonly Action PutBack;
        // The change is known to have taken effect: no need to look.
        public bool Certain;

        public UndoStep(string text, Func<bool> isBack, Action putBack)
        {
            Text = text;
            IsBack = isBack;
            PutBack = putBack;
        }
    }

    public class UndoStack
    {
        private readonly Stack<UndoStep> steps = new Stack<UndoStep>();

        public UndoStep Note(string text, Func<bool> isBack, Action putBack)
        {
            UndoStep step = new UndoStep(text, isBack, putBack);
            steps.Push(step);
            return step;
        }

        // What could not be undone, in words.
        public List<string> Run()
        {
            List<string> remaining = new List<string>();
            while (steps.Count > 0)
            {
                UndoStep step = steps.Pop();
                Exception failure = Try(step);
                // Once more, and with a look at what the first attempt has done in spite of its failure.
                if (failure != null)
                {
                    step.Certain = false;
                    failure = Try(step) == null ? null : failure;
                }
                if (failure != null)
                    remaining.Add("could not " + step.Text + ": " + Failures.Short(failure));
            }
            return remaining;
        }

        // Done is what is seen to be done: a value may read otherwise than it was put.
        private static Exception Try(UndoStep step)
        {
            try
            {
                if (!step.Certain && step.IsBack())
                    return null;
                step.PutBack();
                return step.IsBack() ? null : new FirewallException("it does not read as before");
            }
            catch (Exception failure)
            {
                // What cannot be looked at is not known to be back.
                return failure;
            }
        }
    }

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
        private readonly Restorer restorer;
        private readonly UndoStack undo = new UndoStack();

        public Transaction(IPolicyStore store, FirewallState state, string owner, Counts counts)
        {
            this.store = store;
            this.counts = counts;
            rules = new RuleWriter(store, state, owner, counts);
            restorer = new Restorer(rules, state);
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
                Remaining = Undo();
            }
        }

        // Backwards as a plan is written: what was removed, what was set and edited, and last what was added.
        private List<string> Undo()
        {
            restorer.AddRemovedAgain();
            List<string> remaining = undo.Run();
            remaining.AddRange(restorer.Finish());
            return remaining;
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
            Noted noted = restorer.NoteAdd(new RuleCopy(rule));
            rules.Add(rule);
            noted.Certain = true;
            noted.Rule = new RuleCopy(rule);
            Written.Add(noted.Rule.Row());
        }

        // Each put is a commit of its own.
        private void Edit(Operation operation)
        {
            INetFwRule3 rule = operation.Rule.Live;
            restorer.Touch(operation.Rule.Name);
            foreach (KeyValuePair<Column, object> value in operation.Values)
            {
                Column column = value.Key;
                object old = column.Get(rule);
                if (column.Name == "name")
                    restorer.Touch((string)value.Value);
                // Always put back: the object may not know what became of a put that failed.
                undo.Note(
                    "put back " + column.Name + " (" + operation.Text + ")",
                    () => Column.Same(column.Get(rule), old),
                    () => rules.Put(rule, column, old)).Certain = true;
                rules.Put(rule, column, value.Value);
            }
            Written.Add(new RuleCopy(rule).Row());
        }

        private void Remove(Operation operation)
        {
            string aside = rules.NameToRemoveBy(operation.Rule.Name);
            Noted noted = restorer.NoteRemoval(operation.Rule, aside);
            rules.Remove(operation.Rule, aside);
            noted.Certain = true;
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
            ProfileLog wanted = new ProfileLog { Allowed = operation.Allow, Dropped = operation.LogsDrops, Path = operation.Path, Size = operation.Size };
            foreach (LogValue one in LogValue.All)
            {
                LogValue value = one;
                string before = value.Get(store.ReadLog(profile));
                if (before == value.Get(wanted))
                    continue;
                undo.Note(
                    "put back the " + operation.Text + " (" + value.Name + ")",
                    () => value.Get(store.ReadLog(profile)) == before,
                    () => Put(value, profile, before));
                Put(value, profile, value.Get(wanted));
            }
        }

        private void Put(LogValue value, int profile, string text)
        {
            value.Put(store, profile, text);
            counts.Commits++;
        }

        private void SetMemory(Operation operation)
        {
            string name = operation.MemoryName;
            string before = store.ReadMemory(name);
            undo.Note(
                "put the memory back",
                () => store.ReadMemory(name) == before,
                () => store.WriteMemory(name, before));
            store.WriteMemory(name, operation.Memory);
        }
    }
}
