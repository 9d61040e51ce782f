// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// What a call is asked to do, resolved against what was read before anything is done (every problem is told at once); and each single write
// to the rules, counted, which has to hit exactly one rule where names are not unique.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallColumns;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRules;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallState;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallOperations
{
    public class Operation
    {
        public string Kind;
        // In words, for messages.
        public string Text;
        // edit, remove: the rule that was read. add, edit: the values in the order in which they are put.
        public RuleCopy Rule;
        public List<KeyValuePair<Column, object>> Values;
        public string Profile;
        public bool Inbound;
        public bool Allow;
        public bool LogsDrops;
        public string Path;
        public int Size;
        public string Memory;
        public string MemoryName;
    }

    public class Resolver
    {
        public readonly List<string> Problems = new List<string>();
        private readonly Dictionary<string, RuleCopy> rules;
        private readonly FirewallState state;
        private readonly HashSet<string> edited = new HashSet<string>();
        private readonly HashSet<string> removed = new HashSet<string>();
        private string where;

        public Resolver(FirewallState state)
        {
            this.state = state;
            rules = state.Own.ToDictionary(rule => rule.Id, StringComparer.Ordinal);
        }

        public List<Operation> Resolve(IList operations)
        {
            List<Operation> resolved = new List<Operation>();
            for (int i = 0; i < operations.Count; i++)
            {
                IDictionary raw = (IDictionary)operations[i];
                Operation operation = new Operation { Kind = Text(raw, "kind").ToLowerInvariant() };
                where = String.Format(CultureInfo.InvariantCulture, "operation {0} ({1})", i, operation.Kind);
                switch (operation.Kind)
                {
                    case "add":
                        Add(operation, raw);
                        break;
                    case "edit":
                    case "remove":
                        Existing(operation, raw);
                        break;
                    case "default_action":
                    case "logging":
                        ForProfile(operation, raw);
                        break;
                    default:
                        operation.Memory = raw["value"] as string;
                        operation.MemoryName = MemoryName(Text(raw, "of").ToLowerInvariant());
                        operation.Text = "memory";
                        break;
                }
                resolved.Add(operation);
            }
            return resolved;
        }

        private string MemoryName(string of)
        {
            return of == "generation" ? FirewallState.Generation(state.Owner) : of == "note" ? FirewallState.Note(state.Owner) : FirewallState.Memory;
        }

        private void Add(Operation operation, IDictionary raw)
        {
            operation.Values = Values(raw["rule"] as IDictionary, "rule");
            object name = operation.Values.Where(pair => pair.Key.Name == "name").Select(pair => pair.Value).FirstOrDefault();
            operation.Text = String.Format(CultureInfo.InvariantCulture, "add \"{0}\"", name);
            // A rule of COM is disabled until it is told otherwise: whoever forgets it would get a rule without effect.
            foreach (string needed in new[] { "name", "enabled" }.Where(key => operation.Values.All(pair => pair.Key.Name != key)))
                Problem("rule.{0} is missing", needed);
            // In the order of the table, which has the protocol before the ports; what a new rule has anyway is left alone.
            operation.Values = Columns.All.SelectMany(column => operation.Values.Where(pair => pair.Key == column && !column.IsNeutral(pair.Value))).ToList();
        }

        private void Existing(Operation operation, IDictionary raw)
        {
            int problems = Problems.Count;
            string id = Text(raw, "id");
            string name = Text(raw, "name");
            operation.Text = String.Format(CultureInfo.InvariantCulture, "{0} \"{1}\"", operation.Kind, name);
            if (!rules.TryGetValue(id, out operation.Rule))
                Problem("no rule of this owner has the id {0} (\"{1}\")", id, name);
            else if (!String.Equals(operation.Rule.Name, name, StringComparison.Ordinal))
                Problem("the rule {0} is \"{1}\", not \"{2}\"", id, operation.Rule.Name, name);
            if (removed.Contains(id))
                Problem("an earlier operation removes the rule {0}", id);
            // What removes a rule keeps it as it is then; there would be no way back behind an edit.
            if (operation.Kind == "remove" && edited.Contains(id))
                Problem("an earlier operation edits the rule {0}", id);
            if (Problems.Count == problems)
                (operation.Kind == "remove" ? removed : edited).Add(id);
            if (operation.Kind == "edit")
                operation.Values = Values(raw["set"] as IDictionary, "set").OrderBy(pair => Turn(pair.Key, pair.Value)).ToList();
        }

        private void ForProfile(Operation operation, IDictionary raw)
        {
            operation.Profile = Text(raw, "profile").ToLowerInvariant();
            bool logging = operation.Kind == "logging";
            foreach (string needed in (logging ? new[] { "profile", "allowed", "dropped", "path", "size" } : new[] { "profile", "direction", "action" }))
            {
                if (raw[needed] == null)
                    Problem("{0} is missing", needed);
            }
            operation.Inbound = Text(raw, "direction").ToLowerInvariant() == "in";
            operation.Allow = logging ? true.Equals(raw["allowed"]) : Text(raw, "action").ToLowerInvariant() == "allow";
            operation.LogsDrops = true.Equals(raw["dropped"]);
            operation.Path = Text(raw, "path");
            operation.Size = raw["size"] is int ? (int)raw["size"] : 0;
            operation.Text = logging
                ? "logging of the " + operation.Profile + " profile"
                : String.Format(CultureInfo.InvariantCulture, "{0}bound default of the {1} profile", operation.Inbound ? "in" : "out", operation.Profile);
            if (!logging && operation.Profile != "" && state.DefaultGivenByPolicy(operation.Profile, operation.Inbound))
                Problem("group policy gives the {0}; a local value would be without effect", operation.Text);
            if (!logging)
                return;
            if (operation.Profile != "" && state.LogGivenByPolicy(operation.Profile))
                Problem("group policy gives the logging of the {0} profile; a local value would be without effect", operation.Profile);
            if (operation.Path == "" || operation.Path.IndexOf('"') >= 0 || operation.Path.EndsWith("\\", StringComparison.Ordinal))
                Problem("path \"{0}\": expected a file name without quotes", operation.Path);
            if (operation.Size < 1 || operation.Size > 32767)
                Problem("size {0}: expected 1 to 32767 KB", operation.Size);
        }

        private List<KeyValuePair<Column, object>> Values(IDictionary given, string key)
        {
            List<KeyValuePair<Column, object>> values = new List<KeyValuePair<Column, object>>();
            if (given == null || given.Count == 0)
            {
                Problem("{0} is missing or empty", key);
                return values;
            }
            foreach (DictionaryEntry entry in given)
            {
                Column column;
                string name = Convert.ToString(entry.Key, CultureInfo.InvariantCulture);
                if (!Columns.Writable.TryGetValue(name, out column))
                {
                    Problem("{0}.{1}: expected one of {2}", key, name, String.Join(", ", Columns.Writable.Keys.ToArray()));
                    continue;
                }
                object value = column.Parse(entry.Value);
                if (value == null || (name == "name" && (string)value == ""))
                    Problem("{0}.{1}: expected {2}, not {3}", key, name, Expectation(column), entry.Value is IList ? "a list" : entry.Value ?? "null");
                else
                    values.Add(new KeyValuePair<Column, object>(column, value));
            }
            return values;
        }

        // Windows verifies a stored rule at every put. So a rule is switched off first and on last, what goes to "none" goes
        // before the protocol changes, and what the new protocol allows comes after it.
        private static int Turn(Column column, object value)
        {
            int place = Array.IndexOf(Columns.All, column);
            if (column.Name == "enabled")
                return (bool)value ? 300 : 0;
            if (column.IsNeutral(value))
                return 100 + place;
            return (column.Name == "protocol" || column.Name == "direction" ? 150 : 200) + place;
        }

        private static string Expectation(Column column)
        {
            switch (column.Type)
            {
                case ColumnType.Flag:
                    return "true or false";
                case ColumnType.Number:
                    return "a whole number";
                case ColumnType.Texts:
                    return "a list of texts";
                default:
                    return column.Name == "name" ? "a text that is not empty" : "a text";
            }
        }

        private static string Text(IDictionary raw, string key)
        {
            return raw[key] as string ?? "";
        }

        private void Problem(string format, params object[] values)
        {
            Problems.Add(where + ": " + String.Format(CultureInfo.InvariantCulture, format, values));
        }
    }

    public class RuleWriter
    {
        // How a name begins that a rule gets so that it can be removed, and keeps where the process ended in between.
        public const string Aside = "portcullis-remove-";
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
        // only costs a detour in Remove, while one too few would hit a foreign rule.
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

        // Exactly this rule, where aside is a name that no other has.
        public void Remove(RuleCopy rule, string aside)
        {
            if (aside != null)
                Rename(rule.Live, aside);
            rules.Remove(aside ?? rule.Name);
            counts.Commits++;
            state.Count(aside ?? rule.Name, -1);
        }

        // Remove takes a name. Where another rule has it too, of anyone, the rule gets a name of its own first: this one, else null.
        public string NameToRemoveBy(string name)
        {
            return state.IsUnique(name) ? null : Aside + Guid.NewGuid().ToString("D");
        }

        // The rules as they are in the store now: one more pass, and by it the names, too, are known anew.
        public FirewallState Look()
        {
            state = FirewallState.ReadRules(store, owner, counts);
            return state;
        }
    }
}
