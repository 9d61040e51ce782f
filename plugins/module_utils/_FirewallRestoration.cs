// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// The way back to what was ours at an earlier moment: what is still as a run wrote it becomes what it was; what somebody changed since
// is left alone, and told. Back is only what is seen to be back.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallOperations;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRules;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallSnapshot;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallState;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallRestoration
{
    public class Restoration
    {
        private const string NeverWritten = "the rules are those from before: there was nothing left to restore";
        private const string OthersOnly = "there was nothing else to restore";
        private const string Restored = "the rules from before are in force again";
        private const string ChangedSince = "left alone, because it was changed after the run: {0}";
        private const string Drifted = "{0} was put back, and Windows reads it otherwise than before";

        // A lost answer costs one more look; a rule whose name is not unique goes in two steps, and either answer may be lost.
        private const int Looks = 5;

        private readonly IPolicyStore store;
        private readonly string owner;
        private readonly Counts counts;
        private readonly HashSet<string> again = new HashSet<string>(StringComparer.Ordinal);
        private readonly HashSet<string> drifted = new HashSet<string>(StringComparer.Ordinal);
        private readonly List<string> failures = new List<string>();
        private bool acted;

        public Restoration(IPolicyStore store, string owner, Counts counts)
        {
            this.store = store;
            this.owner = owner;
            this.counts = counts;
        }

        // Make what is ours what it was before, and tell in sentences what was done. written: what the run left, null when it was ended
        // before it could say so; then all that is not as before is of the run. Fails when that is not seen to be done.
        public List<string> Run(Snapshot before, Snapshot written)
        {
            FirewallState now = FirewallState.ReadRules(store, owner, counts);
            HashSet<string> theirs = Theirs(before, written, now.Own);
            List<RuleCopy> wanted = before.Rules.Where(rule => !theirs.Contains(rule.Name)).ToList();
            List<RuleCopy> surplus = RuleCopy.Without(now.Own, wanted);
            HashSet<string> doomed = new HashSet<string>(surplus.Where(rule => !theirs.Contains(rule.Name)).Select(rule => rule.BaseId));
            List<string> left = theirs.OrderBy(name => name, StringComparer.Ordinal).Select(name => "the rule \"" + name + "\"").ToList();
            for (int look = 1; ; look++)
            {
                List<RuleCopy> missing = RuleCopy.Without(wanted, now.Own);
                List<RuleCopy> extra = RuleCopy.Without(now.Own, wanted).Where(rule => doomed.Contains(rule.BaseId) || IsAside(rule.Name)).ToList();
                List<RuleCopy> lacking = missing.Where(rule => !again.Contains(rule.BaseId)).ToList();
                RuleWriter writer = new RuleWriter(store, now, owner, counts);
                // What admits comes first, before a default that may begin to block: a process that ends in between closes nothing.
                foreach (RuleCopy rule in lacking)
                    Try("add \"" + rule.Name + "\"", () => AddAgain(writer, rule));
                bool settled = PutSettings(before, written, look == 1 ? left : null);
                if (lacking.Count == 0 && extra.Count == 0 && settled)
                    return Told(left, missing);
                if (look > Looks)
                    throw new FirewallException("the rules from before could not be restored: " + String.Join("; ", failures.Distinct().ToArray()));
                foreach (RuleCopy rule in extra)
                    Try("remove \"" + rule.Name + "\"", () => writer.Remove(rule, writer.NameToRemoveBy(rule.Name)));
                now = FirewallState.ReadRules(store, owner, counts);
            }
        }

        private void AddAgain(RuleWriter writer, RuleCopy rule)
        {
            writer.Add(writer.Build(rule));
            again.Add(rule.BaseId);
        }

        private static bool IsAside(string name)
        {
            return name.StartsWith(RuleWriter.Aside, StringComparison.Ordinal);
        }

        private List<string> Told(List<string> left, List<RuleCopy> otherwise)
        {
            List<string> said = new List<string> { acted ? Restored : left.Count > 0 ? OthersOnly : NeverWritten };
            IEnumerable<string> names = otherwise.Select(rule => "the rule \"" + rule.Name + "\"").Concat(drifted);
            said.AddRange(names.Select(name => String.Format(CultureInfo.InvariantCulture, Drifted, name)));
            said.AddRange(left.Select(name => String.Format(CultureInfo.InvariantCulture, ChangedSince, name)));
            return said;
        }

        // Names whose rules are neither those from before nor those that were written, nor what a restoration that was ended leaves of the two.
        private static HashSet<string> Theirs(Snapshot before, Snapshot written, IEnumerable<RuleCopy> now)
        {
            HashSet<string> theirs = new HashSet<string>(StringComparer.Ordinal);
            if (written == null)
                return theirs;
            ILookup<string, string> was = ByName(before.Rules), made = ByName(written.Rules), found = ByName(now);
            foreach (string name in was.Concat(made).Concat(found).Select(group => group.Key).Where(name => !IsAside(name)))
            {
                List<string> both = made[name].ToList();
                List<string> more = was[name].ToList();
                both.ForEach(id => more.Remove(id));
                both.AddRange(more);
                if (!Within(found[name], both) || !(Within(made[name], found[name]) || Within(was[name], found[name])))
                    theirs.Add(name);
            }
            return theirs;
        }

        private static ILookup<string, string> ByName(IEnumerable<RuleCopy> rules)
        {
            return rules.ToLookup(rule => rule.Name, rule => rule.BaseId, StringComparer.Ordinal);
        }

        private static bool Within(IEnumerable<string> some, IEnumerable<string> all)
        {
            List<string> rest = all.ToList();
            return some.All(rest.Remove);
        }

        // Whether all are as they were, but for those that somebody changed, whose names go into left.
        private bool PutSettings(Snapshot before, Snapshot written, List<string> left)
        {
            bool settled = true;
            List<Setting> settings = Setting.All(store, owner);
            for (int i = 0; i < settings.Count; i++)
            {
                Setting setting = settings[i];
                string value = before.Settings[i];
                string there = setting.Get();
                if (there == value)
                    continue;
                if (written != null && there != written.Settings[i])
                {
                    if (left != null)
                        left.Add(setting.Name);
                    continue;
                }
                bool put = Try("put back " + setting.Name, () => setting.Put(value));
                settled = settled && put;
                if (put && setting.Get() != value)
                    drifted.Add(setting.Name);
            }
            return settled;
        }

        // A failure is no last word: the next look shows what it has done all the same.
        private bool Try(string what, Action action)
        {
            acted = true;
            try
            {
                action();
                return true;
            }
            catch (Exception failure)
            {
                failures.Add("could not " + what + ": " + Failures.Short(failure));
                return false;
            }
        }
    }
}
