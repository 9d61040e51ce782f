// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// A policy store in a JSON file, as hostile as Windows: implements what the executor uses of COM as managed classes.
// The file is read when the store is opened and written when the process ends; whoever starts the process holds a lock on it.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Runtime.InteropServices.ComTypes;
using System.Text;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;

namespace portcullis.msports.tests
{
    public class StandIn : IPolicyStore, IHostView, INetFwPolicy2, INetFwRules
    {
        public readonly Switches Switches;
        public readonly Addresses Addresses;
        public readonly Ports Ports;
        public readonly Texts Texts;

        private static readonly Dictionary<int, string> ProfileNames = new Dictionary<int, string> { { 1, "domain" }, { 2, "private" }, { 4, "public" } };

        private static readonly List<StandIn> Opened = new List<StandIn>();

        private static readonly int[] ManagementPorts = { 22, 5985, 5986 };

        private readonly string path;
        private readonly PolicyFile file;
        private int attempts;
        private int made;
        private int steps;

        private StandIn(string path)
        {
            this.path = path;
            file = Json.Read<PolicyFile>(File.ReadAllText(path, Encoding.UTF8));
            if (file.format != 1)
                throw new InvalidDataException(path + ": not a file of the stand-in policy store");
            Switches = file.switches;
            Addresses = new Addresses(Switches);
            Ports = new Ports(Switches);
            Texts = new Texts(Switches, file.system_root);
            file.counters.calls++;
        }

        // All that is open is written when the process ends; where a process runs many calls, after each of them.
        static StandIn()
        {
            AppDomain.CurrentDomain.ProcessExit += delegate { Close(); };
        }

        public static void Close()
        {
            foreach (StandIn store in Opened)
                store.file.Save(store.path);
            Opened.Clear();
        }

        public static IPolicyStore Open()
        {
            string path = Environment.GetEnvironmentVariable("MSPORTS_STAND_IN");
            if (String.IsNullOrEmpty(path))
                throw new InvalidOperationException("MSPORTS_STAND_IN does not name a file of the stand-in policy store");
            StandIn store = new StandIn(path);
            Opened.Add(store);
            return store;
        }

        // Names as COM gives them: an array of VARIANT, or none at all.
        public static object Variants(List<string> names)
        {
            return names == null ? null : names.ToArray().Cast<object>().ToArray();
        }

        // Every change of the store goes through here.
        public void Commit(string what, RuleRecord rule, string property, object value, Action effect)
        {
            attempts++;
            bool fails = attempts == Switches.fail_commit_at || (Switches.fail_commits_from > 0 && attempts >= Switches.fail_commits_from);
            if (fails)
                file.counters.failed_commits++;
            if (fails && !Switches.failed_commit_took_effect)
                throw Refuse.Rpc();
            Note(what, rule == null ? null : rule.key, rule == null ? null : rule.name, property, value);
            effect();
            file.counters.commits++;
            made++;
            if (made == Switches.die_after_commits)
                Die();
            Step();
            if (fails)
                throw Refuse.Rpc();
        }

        public void CheckOpen(RuleRecord rule)
        {
            if (!file.rules.Contains(rule))
                throw Refuse.Absent();
            if (Switches.built_in_locked && rule.grouping != null && rule.grouping.StartsWith("@", StringComparison.Ordinal))
                throw Refuse.Access();
        }

        public void CheckName(string name, RuleRecord self)
        {
            if (Switches.duplicate_names)
                return;
            foreach (RuleRecord other in file.rules)
                if (other != self && Same(other.name, name))
                    throw Refuse.Argument();
        }

        // IPolicyStore

        public INetFwPolicy2 Policy
        {
            get { return this; }
        }

        public string SystemVersion
        {
            get { return file.system; }
        }

        public string SystemRoot
        {
            get { return file.system_root; }
        }

        public INetFwRule3 NewRule()
        {
            RuleRecord record = new RuleRecord();
            record.enabled = !Switches.new_rule_disabled;
            return new StandInRule(this, record, false);
        }

        public IDictionary<string, object> Given(int profile)
        {
            ProfileRecord record = One(profile);
            Dictionary<string, object> given = new Dictionary<string, object>(record.given);
            if (!record.local_rules)
                given["AllowLocalPolicyMerge"] = 0;
            return given;
        }

        public IList<string[]> PolicyRules()
        {
            return file.policy_rules.Select(rule => new[] { rule.origin, rule.id, rule.text }).ToList();
        }

        public INetFwProducts Products()
        {
            if (file.products == null)
                throw Refuse.Rpc();
            return new StandInProducts(file.products);
        }

        public ProfileLog ReadLog(int profile)
        {
            ProfileRecord record = One(profile);
            return new ProfileLog
            {
                Allowed = record.log_allowed, Dropped = record.log_dropped, Path = record.log_path, Size = record.log_size, Policy = record.log_policy
            };
        }

        public void WriteLog(int profile, ProfileLog log)
        {
            ProfileRecord record = One(profile);
            if (String.IsNullOrEmpty(log.Path) || log.Size < 1 || log.Size > 32767)
                throw new InvalidOperationException("netsh: A specified value is not valid.");
            Commit("logging", null, ProfileNames[profile], log.Allowed + " " + log.Size, delegate
            {
                // What group policy gives stays in force.
                if (record.log_policy)
                    return;
                record.log_allowed = log.Allowed;
                record.log_dropped = log.Dropped;
                record.log_path = log.Path;
                record.log_size = log.Size;
            });
        }

        public string ReadMemory(string name)
        {
            string value;
            return file.memory.TryGetValue(name, out value) ? value : null;
        }

        public void WriteMemory(string name, string value)
        {
            if (Switches.fail_memory)
                throw new UnauthorizedAccessException("Access to the registry key is denied.");
            file.counters.memory_writes++;
            Note("memory", null, name, null, value);
            if (value == null)
                file.memory.Remove(name);
            else
                file.memory[name] = value;
            Step();
        }

        public string UntilRestart
        {
            get
            {
                return file.until_restart;
            }

            set
            {
                file.until_restart = value;
                Step();
            }
        }

        // Whoever starts the process holds a lock on the file.
        public IDisposable Lock()
        {
            return new MemoryStream();
        }

        public void RegisterTask(string xml)
        {
            if (Switches.fail_task)
                throw new UnauthorizedAccessException("Access is denied.");
            Note("task", null, null, null, xml);
            file.task = xml;
            Step();
        }

        public void DeleteTask()
        {
            file.task = null;
            Step();
        }

        public IList<TcpPeer> ManagementPeers(IList<int> more)
        {
            if (file.sessions == null)
                throw Refuse.Access();
            List<TcpPeer> peers = new List<TcpPeer>();
            foreach (PeerRecord session in file.sessions.Where(one => ManagementPorts.Contains(one.local_port) || more.Contains(one.local_port)))
                peers.Add(new TcpPeer { Peer = session.peer, PeerPort = session.peer_port, Local = session.local, LocalPort = session.local_port });
            return peers;
        }

        public IList<string> OwnAddresses()
        {
            if (file.addresses == null)
                throw Refuse.Access();
            return file.addresses;
        }

        // IHostView

        public IList<SocketRow> Sockets()
        {
            if (file.sockets == null)
                throw Refuse.Access();
            return file.sockets.Select(one => new SocketRow
            {
                Protocol = one.protocol, State = one.state, Local = one.local, LocalPort = one.local_port, Peer = one.peer, PeerPort = one.peer_port,
                Process = one.process
            }).ToList();
        }

        public IDictionary<int, string> Processes()
        {
            return file.processes.ToDictionary(one => Int32.Parse(one.Key, CultureInfo.InvariantCulture), one => one.Value);
        }

        public IDictionary<int, IList<string>> Services()
        {
            if (file.services == null)
                throw Refuse.Access();
            return file.services.ToDictionary(one => Int32.Parse(one.Key, CultureInfo.InvariantCulture), one => (IList<string>)one.Value);
        }

        public Stream OpenLog(string path)
        {
            string text;
            if (Switches.log_failure == "locked" && !path.EndsWith(".old", StringComparison.Ordinal))
                throw new IOException("The process cannot access the file because it is being used by another process.", unchecked((int)0x80070020));
            if (Switches.log_failure == "denied")
                throw new UnauthorizedAccessException("Access to the path is denied.");
            if (!file.logs.TryGetValue(path, out text))
                throw new FileNotFoundException("Could not find file.");
            return new MemoryStream(Encoding.UTF8.GetBytes(text));
        }

        // INetFwRules

        public int Count
        {
            get { return file.rules.Count; }
        }

        public void Add(INetFwRule rule)
        {
            StandInRule own = rule as StandInRule;
            if (own == null)
                throw Refuse.Argument();
            RuleRecord record = own.Enter();
            try
            {
                CheckName(record.name, record);
                record.key = String.Format(CultureInfo.InvariantCulture, "{{00000000-0000-4000-8000-{0:x12}}}", file.counters.last_key + 1);
                Commit("add", record, null, null, delegate
                {
                    file.counters.last_key++;
                    file.rules.Add(record);
                });
            }
            catch
            {
                if (!file.rules.Contains(record))
                    own.Leave();
                throw;
            }
        }

        // An absent name is no error and no commit.
        public void Remove(string name)
        {
            List<RuleRecord> found = Named(name);
            if (found.Count == 0)
                return;
            if (Switches.remove_takes != "all")
                found = found.GetRange(Switches.remove_takes == "last" ? found.Count - 1 : 0, 1);
            foreach (RuleRecord record in found)
                CheckOpen(record);
            Commit("remove", found[0], null, found.Count, delegate
            {
                foreach (RuleRecord record in found)
                    file.rules.Remove(record);
            });
        }

        public INetFwRule Item(string name)
        {
            file.counters.lookups++;
            List<RuleRecord> found = Named(name);
            if (found.Count == 0)
                throw Refuse.Absent();
            return new StandInRule(this, found[Switches.item_takes == "last" ? found.Count - 1 : 0], true);
        }

        public object _NewEnum
        {
            get
            {
                file.counters.enumerations++;
                List<RuleRecord> order = new List<RuleRecord>(file.rules);
                if (Switches.enumeration_order == "reversed")
                    order.Reverse();
                if (Switches.enumeration_order == "shuffled")
                    order.Sort(new Shuffled(file.counters.enumerations).Compare);
                List<object> views = new List<object>();
                foreach (RuleRecord record in order)
                    views.Add(new StandInRule(this, record, true));
                return new Enumerator(views, Switches.enumeration_fails_at);
            }
        }

        // INetFwPolicy2

        public int CurrentProfileTypes
        {
            get { return file.active; }
        }

        public NET_FW_MODIFY_STATE LocalPolicyModifyState
        {
            get { return (NET_FW_MODIFY_STATE)file.modify_state; }
        }

        public INetFwRules Rules
        {
            get { return this; }
        }

        public bool get_FirewallEnabled(NET_FW_PROFILE_TYPE2 profileType)
        {
            return One((int)profileType).enabled;
        }

        public object get_ExcludedInterfaces(NET_FW_PROFILE_TYPE2 profileType)
        {
            return Variants(One((int)profileType).excluded_interfaces);
        }

        public bool get_BlockAllInboundTraffic(NET_FW_PROFILE_TYPE2 profileType)
        {
            return One((int)profileType).block_all;
        }

        public NET_FW_ACTION get_DefaultInboundAction(NET_FW_PROFILE_TYPE2 profileType)
        {
            return (NET_FW_ACTION)One((int)profileType).inbound;
        }

        public void set_DefaultInboundAction(NET_FW_PROFILE_TYPE2 profileType, NET_FW_ACTION action)
        {
            ProfileRecord record = One((int)profileType);
            Commit("default_inbound", null, ProfileNames[(int)profileType], (int)action, delegate { record.inbound = Known(action); });
        }

        public NET_FW_ACTION get_DefaultOutboundAction(NET_FW_PROFILE_TYPE2 profileType)
        {
            return (NET_FW_ACTION)One((int)profileType).outbound;
        }

        public void set_DefaultOutboundAction(NET_FW_PROFILE_TYPE2 profileType, NET_FW_ACTION action)
        {
            ProfileRecord record = One((int)profileType);
            Commit("default_outbound", null, ProfileNames[(int)profileType], (int)action, delegate { record.outbound = Known(action); });
        }

        // Members that the executor has no business with

        public INetFwServiceRestriction ServiceRestriction
        {
            get { throw new NotSupportedException(); }
        }

        public bool get_NotificationsDisabled(NET_FW_PROFILE_TYPE2 profileType)
        {
            throw new NotSupportedException();
        }

        public void set_NotificationsDisabled(NET_FW_PROFILE_TYPE2 profileType, bool disabled)
        {
            throw new NotSupportedException();
        }

        public bool get_UnicastResponsesToMulticastBroadcastDisabled(NET_FW_PROFILE_TYPE2 profileType)
        {
            return !One((int)profileType).unicast_responses;
        }

        public void set_UnicastResponsesToMulticastBroadcastDisabled(NET_FW_PROFILE_TYPE2 profileType, bool disabled)
        {
            throw new NotSupportedException();
        }

        public void set_FirewallEnabled(NET_FW_PROFILE_TYPE2 profileType, bool enabled)
        {
            throw new NotSupportedException();
        }

        public void set_ExcludedInterfaces(NET_FW_PROFILE_TYPE2 profileType, object interfaces)
        {
            throw new NotSupportedException();
        }

        public void set_BlockAllInboundTraffic(NET_FW_PROFILE_TYPE2 profileType, bool block)
        {
            throw new NotSupportedException();
        }

        public void EnableRuleGroup(int profileTypesBitmask, string group, bool enable)
        {
            throw new NotSupportedException();
        }

        public bool IsRuleGroupEnabled(int profileTypesBitmask, string group)
        {
            throw new NotSupportedException();
        }

        public bool get_IsRuleGroupCurrentlyEnabled(string group)
        {
            throw new NotSupportedException();
        }

        public void RestoreLocalFirewallDefaults()
        {
            throw new NotSupportedException();
        }

        // Whatever outlives the process: commits, memory, tasks.
        private void Step()
        {
            steps++;
            if (steps == Switches.die_after_steps)
                Die();
        }

        private void Die()
        {
            file.Save(path);
            Process.GetCurrentProcess().Kill();
            System.Threading.Thread.Sleep(10000);
        }

        private ProfileRecord One(int profile)
        {
            if (!ProfileNames.ContainsKey(profile))
                throw Refuse.Argument();
            return file.profiles[ProfileNames[profile]];
        }

        private static int Known(NET_FW_ACTION action)
        {
            if (action != NET_FW_ACTION.NET_FW_ACTION_ALLOW && action != NET_FW_ACTION.NET_FW_ACTION_BLOCK)
                throw Refuse.Argument();
            return (int)action;
        }

        private bool Same(string one, string other)
        {
            return String.Equals(one, other, Switches.names_ignore_case ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);
        }

        private List<RuleRecord> Named(string name)
        {
            return file.rules.FindAll(delegate(RuleRecord record) { return Same(record.name, name); });
        }

        private void Note(string what, string key, string name, string property, object value)
        {
            string text = value == null ? null : Convert.ToString(value, CultureInfo.InvariantCulture);
            if (text != null && text.Length > 200)
                text = text.Substring(0, 200);
            file.journal.Add(new JournalRecord
            {
                call = file.counters.calls, commit = file.counters.commits + 1, what = what, key = key, name = name, property = property, value = text
            });
        }
    }

    // Another order at each enumeration, and the same one in each run of a test.
    public class Shuffled
    {
        private readonly int turn;

        public Shuffled(int turn)
        {
            this.turn = turn;
        }

        public int Compare(RuleRecord one, RuleRecord other)
        {
            int order = Place(one).CompareTo(Place(other));
            return order != 0 ? order : String.CompareOrdinal(one.key, other.key);
        }

        private uint Place(RuleRecord rule)
        {
            uint place = 2166136261u + (uint)turn * 97;
            foreach (char letter in rule.key ?? rule.name)
                place = unchecked((place ^ letter) * 16777619u);
            return unchecked((place ^ (place >> 15)) * 2246822519u);
        }
    }

    public class Enumerator : IEnumVARIANT
    {
        private const int Ok = 0;
        private const int False = 1;

        private readonly List<object> items;
        private readonly int failsAt;
        private int position;

        public Enumerator(List<object> items, int failsAt)
        {
            this.items = items;
            this.failsAt = failsAt;
        }

        public int Next(int celt, object[] rgVar, IntPtr pceltFetched)
        {
            // Only a caller that asks for one item may leave out the count.
            if (celt < 1 || rgVar == null || rgVar.Length < celt || (celt > 1 && pceltFetched == IntPtr.Zero))
                return unchecked((int)0x80070057);
            int fetched = 0;
            while (fetched < celt && position < items.Count)
            {
                if (position + 1 == failsAt)
                    return unchecked((int)0x800706BE);
                rgVar[fetched++] = items[position++];
            }
            if (pceltFetched != IntPtr.Zero)
                Marshal.WriteInt32(pceltFetched, fetched);
            return fetched == celt ? Ok : False;
        }

        public int Skip(int celt)
        {
            position += celt;
            return position <= items.Count ? Ok : False;
        }

        public int Reset()
        {
            position = 0;
            return Ok;
        }

        public IEnumVARIANT Clone()
        {
            Enumerator copy = new Enumerator(items, failsAt);
            copy.position = position;
            return copy;
        }
    }
}
