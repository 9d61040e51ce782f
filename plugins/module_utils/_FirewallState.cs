// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// What the host has, read in one pass over the rules, and the digest by which a later call knows that it is still so.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallColumns;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRules;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallState
{
    public static class Profiles
    {
        public static readonly KeyValuePair<string, int>[] All =
        {
            new KeyValuePair<string, int>("domain", (int)NET_FW_PROFILE_TYPE2.NET_FW_PROFILE2_DOMAIN),
            new KeyValuePair<string, int>("private", (int)NET_FW_PROFILE_TYPE2.NET_FW_PROFILE2_PRIVATE),
            new KeyValuePair<string, int>("public", (int)NET_FW_PROFILE_TYPE2.NET_FW_PROFILE2_PUBLIC)
        };

        public static NET_FW_PROFILE_TYPE2 Find(string name)
        {
            return (NET_FW_PROFILE_TYPE2)All.First(profile => profile.Key == name).Value;
        }
    }

    public class FirewallState
    {
        // One text for all owners: the settings of the profiles are shared, and who leaves must know who stays.
        public const string Memory = "settings";
        public readonly List<RuleCopy> Own = new List<RuleCopy>();
        public readonly string Owner;
        public string Digest;
        // How many rules of the store, of anyone, carry a name. Remove takes a name, and is not known to mind the case.
        private readonly Dictionary<string, int> names = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        private bool someNameUnknown;
        private readonly List<object> others = new List<object>();
        private readonly List<object> unreadable = new List<object>();
        private int othersDisabled;
        private readonly HashSet<string> appRules = new HashSet<string>(StringComparer.Ordinal);
        private int appRulesAlike;
        private Dictionary<string, object> profiles;
        private Dictionary<string, object> rest;

        private FirewallState(string owner)
        {
            Owner = owner;
        }

        public static string Grouping(string owner)
        {
            return "portcullis:" + owner;
        }

        // The generation of the plan that this owner's rules come from.
        public static string Generation(string owner)
        {
            return "generation." + owner;
        }

        // What the host did by itself to the rules of this owner, until a run of it has told that.
        public static string Note(string owner)
        {
            return "rolled_back." + owner;
        }

        // ports: further local ports whose connections are management sessions.
        public static FirewallState Read(IPolicyStore store, string owner, IList<int> ports, Counts counts)
        {
            FirewallState state = ReadRules(store, owner, counts);
            state.profiles = ReadProfiles(store);
            state.ReadRest(store, ports);
            return state;
        }

        public static FirewallState ReadRules(IPolicyStore store, string owner, Counts counts)
        {
            FirewallState state = new FirewallState(owner);
            foreach (object item in Rules.Enumerate(store.Policy.Rules, counts))
                state.ReadRule(item, Grouping(owner));
            state.NumberTwins();
            return state;
        }

        public static Dictionary<string, object> ReadProfiles(IPolicyStore store)
        {
            return Profiles.All.ToDictionary(profile => profile.Key, profile => (object)ReadProfile(store, profile.Value));
        }

        public int Unreadable { get { return unreadable.Count; } }

        public bool IsUnique(string name)
        {
            int count;
            return !someNameUnknown && names.TryGetValue(name, out count) && count == 1;
        }

        public bool LogGivenByPolicy(string profile)
        {
            return true.Equals(Profile(profile)["log_policy"]);
        }

        public bool DefaultGivenByPolicy(string profile, bool inbound)
        {
            return ((IDictionary<string, object>)Profile(profile)["given"]).ContainsKey(inbound ? "DefaultInboundAction" : "DefaultOutboundAction");
        }

        private Dictionary<string, object> Profile(string name)
        {
            return (Dictionary<string, object>)profiles[name];
        }

        public void Count(string name, int change)
        {
            int count;
            names.TryGetValue(name, out count);
            names[name] = count + change;
        }

        public Dictionary<string, object> Result()
        {
            Dictionary<string, object> result = new Dictionary<string, object>(rest);
            result["digest"] = Digest;
            result["fields"] = Columns.Fields;
            result["rules"] = Own.Select(rule => (object)rule.Row()).ToList();
            result["others"] = others;
            result["others_disabled"] = othersDisabled;
            result["app_rules_alike"] = appRulesAlike;
            result["unreadable"] = unreadable;
            result["profiles"] = profiles;
            return result;
        }

        // One rule that cannot be read, of ours or not, must not hide all the others: it is told, and never touched.
        private void ReadRule(object item, string grouping)
        {
            string name = null;
            bool own = false;
            try
            {
                INetFwRule3 rule = Rules.Cast(item);
                name = rule.Name ?? "";
                Count(name, 1);
                own = String.Equals(rule.Grouping, grouping, StringComparison.Ordinal);
                if (!own && !rule.Enabled)
                {
                    othersDisabled++;
                    return;
                }
                RuleCopy copy = new RuleCopy(rule);
                // COM cannot make a rule of an app package again, so such a rule is nobody's to remove.
                if (own && !copy.HasPackage)
                    Own.Add(copy);
                else if (rule.Enabled)
                    AddOther(copy);
                else
                    othersDisabled++;
            }
            catch (Exception failure)
            {
                someNameUnknown = someNameUnknown || name == null;
                unreadable.Add(new object[] { name ?? "", own, Failures.Text(failure) });
            }
        }

        // Apps bring the same rules for each user that has ever logged on: on a terminal server thousands, of which one of each tells all.
        private void AddOther(RuleCopy copy)
        {
            object[] row = copy.Row("", "");
            if (copy.HasPackage)
                row[row.Length - 1] = copy.UsersButOwner;
            if (copy.HasPackage && !appRules.Add(RuleCopy.Digest(row)))
                appRulesAlike++;
            else
                others.Add(row);
        }

        private void NumberTwins()
        {
            Dictionary<string, int> seen = new Dictionary<string, int>();
            foreach (RuleCopy rule in Own)
            {
                int count;
                seen.TryGetValue(rule.BaseId, out count);
                seen[rule.BaseId] = ++count;
                if (count > 1)
                    rule.Id = rule.BaseId + "#" + count.ToString(CultureInfo.InvariantCulture);
            }
        }

        private static Dictionary<string, object> ReadProfile(IPolicyStore store, int number)
        {
            INetFwPolicy2 policy = store.Policy;
            NET_FW_PROFILE_TYPE2 profile = (NET_FW_PROFILE_TYPE2)number;
            ProfileLog log = store.ReadLog(number);
            object merge;
            IDictionary<string, object> given = store.Given(number);
            return new Dictionary<string, object>
            {
                { "enabled", policy.get_FirewallEnabled(profile) },
                { "inbound", ActionName(policy.get_DefaultInboundAction(profile)) },
                { "outbound", ActionName(policy.get_DefaultOutboundAction(profile)) },
                { "block_all", policy.get_BlockAllInboundTraffic(profile) },
                { "local_rules", !(given.TryGetValue("AllowLocalPolicyMerge", out merge) && 0.Equals(merge)) },
                { "unicast_responses", !policy.get_UnicastResponsesToMulticastBroadcastDisabled(profile) },
                { "given", given },
                { "excluded_interfaces", Columns.Texts(policy.get_ExcludedInterfaces(profile)) },
                { "log_allowed", log.Allowed },
                { "log_dropped", log.Dropped },
                { "log_path", log.Path },
                { "log_size", log.Size },
                { "log_policy", log.Policy }
            };
        }

        private void ReadRest(IPolicyStore store, IList<int> ports)
        {
            string memory = store.ReadMemory(Memory), generation = store.ReadMemory(Generation(Owner));
            string ssh = Environment.GetEnvironmentVariable("SSH_CONNECTION");
            int active = store.Policy.CurrentProfileTypes;
            rest = new Dictionary<string, object>
            {
                { "active", Profiles.All.Where(profile => (active & profile.Value) != 0).Select(profile => profile.Key).ToArray() },
                { "modify_state", StateName(store.Policy.LocalPolicyModifyState) },
                { "memory", memory },
                { "generation", generation },
                { "sessions", Failures.OrWhy(() => store.ManagementPeers(ports).Select(peer => (object)Session(peer)).ToList()) },
                { "ssh_connection", String.IsNullOrEmpty(ssh) ? null : ssh },
                { "addresses", Failures.OrWhy(store.OwnAddresses) },
                { "system", store.SystemVersion },
                { "system_root", store.SystemRoot },
                { "policy_rules", store.PolicyRules() },
                { "products", Failures.OrWhy(() => ReadProducts(store)) }
            };
            // Only what is ours or what we may change: whatever others do meanwhile does not make a plan stale.
            List<object> seen = Own.Select(rule => rule.Id).OrderBy(id => id, StringComparer.Ordinal).Cast<object>().ToList();
            foreach (KeyValuePair<string, int> profile in Profiles.All)
            {
                Dictionary<string, object> values = Profile(profile.Key);
                seen.AddRange(new[] { "inbound", "outbound", "log_allowed", "log_dropped", "log_path", "log_size" }.Select(key => values[key]));
            }
            seen.Add(memory == null ? "no memory" : "memory " + memory);
            // Two runs at once may want equal rules of two plans: the older one is not to be noted over the newer one.
            seen.Add(generation == null ? "no generation" : "generation " + generation);
            Digest = RuleCopy.Digest(seen);
        }

        // By name, with the categories of rules that each has taken over.
        private static object ReadProducts(IPolicyStore store)
        {
            Func<INetFwProduct, int[]> categories = product => ((Array)product.RuleCategories).Cast<object>().Select(Convert.ToInt32).ToArray();
            return Rules.Items(store.Products()._NewEnum).Cast<INetFwProduct>()
                .Select(product => (object)new object[] { product.DisplayName ?? "", categories(product) })
                .ToList();
        }

        private static Dictionary<string, object> Session(TcpPeer peer)
        {
            return new Dictionary<string, object>
            {
                { "peer", peer.Peer }, { "peer_port", peer.PeerPort }, { "local", peer.Local }, { "local_port", peer.LocalPort }
            };
        }

        private static string ActionName(NET_FW_ACTION action)
        {
            return action == NET_FW_ACTION.NET_FW_ACTION_ALLOW ? "allow" : "block";
        }

        private static string StateName(NET_FW_MODIFY_STATE state)
        {
            switch (state)
            {
                case NET_FW_MODIFY_STATE.NET_FW_MODIFY_STATE_OK:
                    return "ok";
                case NET_FW_MODIFY_STATE.NET_FW_MODIFY_STATE_GP_OVERRIDE:
                    return "gp_override";
                default:
                    return "inbound_blocked";
            }
        }
    }
}
