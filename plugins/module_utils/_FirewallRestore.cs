// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// The rules of this owner, back to what they were when the call began. A rule may read otherwise in the store than the object that
// was given to it, so only rules of the store are compared with rules of the store: as they were read first, and as they are now.
// Back is only what is seen to be back, and whatever is not is told.
using System;
using System.Collections.Generic;
using System.Linq;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallOperations;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRules;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallState;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallRestore
{
    // A rule that an operation adds or removes: noted before it is tried, certain when it is known to have happened.
    public class Noted
    {
        // As its object tells it: one that was added may tell what the store has, or for ever what was put.
        public RuleCopy Rule;
        // The name by which it is removed, where its own is not unique.
        public readonly string Aside;
        public bool Certain;
        // Added again, without an error.
        public bool Again;

        public Noted(RuleCopy rule, string aside)
        {
            Rule = rule;
            Aside = aside;
        }
    }

    public class Restorer
    {
        // A lost answer costs one more look; a rule whose name is not unique goes in two steps, and either answer may be lost.
        private const int Looks = 5;

        private readonly RuleWriter rules;
        private readonly FirewallState before;
        private readonly List<Noted> added = new List<Noted>();
        private readonly List<Noted> removed = new List<Noted>();
        // Names that rules of before have or get in this call.
        private readonly HashSet<string> touched = new HashSet<string>(StringComparer.Ordinal);
        // Names that this undo gave to what was added, so that they can be removed.
        private readonly HashSet<string> doomed = new HashSet<string>(StringComparer.Ordinal);
        private readonly Dictionary<string, string> failures = new Dictionary<string, string>();

        private FirewallState now;
        private List<RuleCopy> extra;
        private List<RuleCopy> missing;
        private bool acted;

        public Restorer(RuleWriter rules, FirewallState before)
        {
            this.rules = rules;
            this.before = before;
        }

        public Noted NoteAdd(RuleCopy rule)
        {
            Noted noted = new Noted(rule, null);
            added.Add(noted);
            return noted;
        }

        public Noted NoteRemoval(RuleCopy rule, string aside)
        {
            Noted noted = new Noted(rule, aside);
            removed.Add(noted);
            Touch(rule.Name);
            return noted;
        }

        public void Touch(string name)
        {
            touched.Add(name);
        }

        // First of all what admits: rules that are known to be gone.
        public void AddRemovedAgain()
        {
            foreach (Noted gone in removed.Where(noted => noted.Certain).Reverse())
                AddAgain(gone);
        }

        // In the end what was added goes. What is still not as it was, in words.
        public List<string> Finish()
        {
            List<string> remaining = new List<string>();
            if (added.Count == 0 && touched.Count == 0)
                return remaining;
            try
            {
                for (int look = 1; ; look++)
                {
                    Look();
                    if (look == Looks || (extra.Count == 0 && missing.Count == 0))
                        break;
                    acted = false;
                    PutBackRemoved();
                    RemoveAdded();
                    if (!acted)
                        break;
                }
            }
            catch (Exception failure)
            {
                string reason = ": the rules cannot be read: " + Failures.Short(failure);
                remaining.AddRange(added.Select(noted => "it is not known whether the rule \"" + noted.Rule.Name + "\" is gone again" + reason));
                remaining.AddRange(touched.Select(name => "it is not known whether the rule \"" + name + "\" is as it was" + reason));
                return remaining;
            }
            remaining.AddRange(missing.Select(rule => "the rule \"" + rule.Name + "\" is not there as it was" + Reason(rule.Name)));
            remaining.AddRange(extra.Select(rule => "the rule \"" + rule.Name + "\" was not there before, or not like this" + Reason(rule.Name)));
            if (now.Unreadable > before.Unreadable)
                remaining.Add("there are rules that cannot be read, more than before");
            return remaining;
        }

        private void Look()
        {
            now = rules.Look();
            missing = RuleCopy.Without(before.Own, now.Own);
            extra = RuleCopy.Without(now.Own, before.Own);
        }

        private void PutBackRemoved()
        {
            List<RuleCopy> lacking = new List<RuleCopy>(missing);
            foreach (Noted gone in removed.AsEnumerable().Reverse())
            {
                int place = lacking.FindIndex(rule => rule.BaseId == gone.Rule.BaseId);
                if (place < 0)
                    continue;
                lacking.RemoveAt(place);
                RuleCopy renamed = gone.Aside == null ? null : extra.FirstOrDefault(rule => rule.Name == gone.Aside);
                if (renamed != null)
                    Try(gone.Rule.Name, () => rules.Rename(renamed.Live, gone.Rule.Name));
                // Once without an error is once; and where it failed, a rule of this name too many is what was added all the same.
                else if (!gone.Again && Extra(gone.Rule.Name).Count <= Added(gone.Rule.Name).Count)
                    AddAgain(gone);
            }
        }

        private void AddAgain(Noted gone)
        {
            Try(gone.Rule.Name, () =>
            {
                rules.Add(rules.Build(gone.Rule));
                gone.Again = true;
            });
        }

        private void RemoveAdded()
        {
            foreach (RuleCopy rule in extra.Where(rule => doomed.Contains(rule.Name)))
                Try(rule.Name, () => rules.Remove(rule, null));
            foreach (string name in added.Select(noted => noted.Rule.Name).Distinct().Reverse())
            {
                List<RuleCopy> found = Extra(name);
                List<Noted> mine = Added(name);
                // One that this call has changed and not put back looks like one more; and what is too much may be of another call.
                bool sure = found.Count <= mine.Count && (missing.Count == 0 || !touched.Contains(name));
                foreach (Noted noted in mine)
                {
                    RuleCopy rule = found.FirstOrDefault(one => noted.Certain && one.BaseId == noted.Rule.BaseId) ?? (sure ? found.FirstOrDefault() : null);
                    if (rule == null)
                        continue;
                    found.Remove(rule);
                    Try(name, () => Remove(rule));
                }
            }
        }

        private void Remove(RuleCopy rule)
        {
            string aside = rules.NameToRemoveBy(rule.Name);
            if (aside != null)
                doomed.Add(aside);
            rules.Remove(rule, aside);
        }

        private List<RuleCopy> Extra(string name)
        {
            return extra.Where(rule => rule.Name == name).ToList();
        }

        private List<Noted> Added(string name)
        {
            return added.Where(noted => noted.Rule.Name == name).ToList();
        }

        // A failure is no last word: the next look shows what it has done all the same.
        private void Try(string name, Action action)
        {
            acted = true;
            try
            {
                action();
            }
            catch (Exception failure)
            {
                failures[name] = Failures.Short(failure);
            }
        }

        private string Reason(string name)
        {
            string failure;
            return failures.TryGetValue(name, out failure) ? ": " + failure : "";
        }
    }
}
