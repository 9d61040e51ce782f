// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// What is ours on a host at one moment, as a text that survives the run: the rules of an owner, default actions, logging, and memory.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRules;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallState;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallSnapshot
{
    // A thousand rules are a megabyte of text, which the registry would keep in memory.
    public static class Packed
    {
        public static string Pack(string text)
        {
            using (MemoryStream packed = new MemoryStream())
            {
                byte[] bytes = Encoding.UTF8.GetBytes(text);
                using (GZipStream stream = new GZipStream(packed, CompressionMode.Compress))
                    stream.Write(bytes, 0, bytes.Length);
                return Convert.ToBase64String(packed.ToArray());
            }
        }

        public static string Unpack(string packed)
        {
            using (GZipStream stream = new GZipStream(new MemoryStream(Convert.FromBase64String(packed)), CompressionMode.Decompress))
            using (StreamReader reader = new StreamReader(stream, Encoding.UTF8))
                return reader.ReadToEnd();
        }
    }

    // A value of the host that is no rule, as a text. Name: in words, for messages.
    public class Setting
    {
        public readonly string Name;
        public readonly Func<string> Get;
        public readonly Action<string> Put;

        private Setting(string name, Func<string> get, Action<string> put)
        {
            Name = name;
            Get = get;
            Put = put;
        }

        public static List<Setting> All(IPolicyStore store, string owner)
        {
            List<Setting> found = new List<Setting>();
            foreach (KeyValuePair<string, int> one in Profiles.All)
            {
                NET_FW_PROFILE_TYPE2 profile = (NET_FW_PROFILE_TYPE2)one.Value;
                string of = " of the " + one.Key + " profile";
                found.Add(new Setting(
                    "the inbound default" + of,
                    () => Text(store.Policy.get_DefaultInboundAction(profile)),
                    value => store.Policy.set_DefaultInboundAction(profile, Action(value))));
                found.Add(new Setting(
                    "the outbound default" + of,
                    () => Text(store.Policy.get_DefaultOutboundAction(profile)),
                    value => store.Policy.set_DefaultOutboundAction(profile, Action(value))));
                foreach (LogValue log in LogValue.All)
                {
                    LogValue part = log;
                    found.Add(new Setting(
                        "the logging" + of + " (" + part.Name + ")",
                        () => part.Get(store.ReadLog((int)profile)),
                        value => part.Put(store, (int)profile, value)));
                }
            }
            foreach (string kept in new[] { FirewallState.Memory, FirewallState.Generation(owner) })
            {
                string name = kept;
                found.Add(new Setting(
                    "the memory \"" + name + "\"",
                    () => store.ReadMemory(name) ?? "",
                    value => store.WriteMemory(name, value == "" ? null : value)));
            }
            return found;
        }

        private static string Text(NET_FW_ACTION action)
        {
            return ((int)action).ToString(CultureInfo.InvariantCulture);
        }

        private static NET_FW_ACTION Action(string value)
        {
            return (NET_FW_ACTION)Int32.Parse(value, CultureInfo.InvariantCulture);
        }
    }

    public class Snapshot
    {
        // Control characters part what no value can hold: sections, rows; a rule parts its own columns.
        private const char Section = '\u001c';
        private const char Row = '\u001d';

        public readonly List<RuleCopy> Rules;
        // In the order of Setting.All.
        public readonly List<string> Settings;

        private Snapshot(IEnumerable<RuleCopy> rules, IEnumerable<string> settings)
        {
            Rules = rules.ToList();
            Settings = settings.ToList();
        }

        public static Snapshot Take(IPolicyStore store, IEnumerable<RuleCopy> rules, string owner)
        {
            return new Snapshot(rules, Setting.All(store, owner).Select(setting => setting.Get()));
        }

        public string Text()
        {
            return String.Join(Row.ToString(), Rules.Select(rule => rule.Text()).ToArray()) + Section + String.Join(Row.ToString(), Settings.ToArray());
        }

        public static Snapshot Parse(string text)
        {
            string[] sections = text.Split(Section);
            return new Snapshot(sections[0] == "" ? new RuleCopy[0] : sections[0].Split(Row).Select(RuleCopy.Parse), sections[1].Split(Row));
        }

        // Every rule can be made again: looked at before anything is changed. One of an app package never can, and nobody here removes it.
        public void Check(IPolicyStore store)
        {
            foreach (RuleCopy rule in Rules.Where(rule => !rule.HasPackage))
                rule.Rebuild(store.NewRule());
        }

        public bool Same(Snapshot other)
        {
            return Ids(Rules).SequenceEqual(Ids(other.Rules)) && Settings.SequenceEqual(other.Settings);
        }

        private static IEnumerable<string> Ids(IEnumerable<RuleCopy> rules)
        {
            return rules.Select(rule => rule.BaseId).OrderBy(id => id, StringComparer.Ordinal);
        }
    }
}
