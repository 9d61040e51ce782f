// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The other ways: which rule a name means, what a failure has left, and what the host does.

using System;
using System.Linq;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;

namespace naive
{
    public static partial class Executor
    {
        // Rules of the system are rules like any other.
        public static object DisableBuiltIn(string value)
        {
            INetFwRule3 rule = Again("mDNS (UDP-In)");
            rule.Enabled = false;
            return Again("mDNS (UDP-In)").Enabled;
        }

        public static object RemoveBuiltIn(string value)
        {
            store.Policy.Rules.Remove("mDNS (UDP-In)");
            return Names().Contains("mDNS (UDP-In)");
        }

        // A name is a key: what is there already is not added once more.
        public static object AddTwice(string value)
        {
            for (int i = 0; i < 2; i++)
            {
                try
                {
                    Tcp("naive", rule => { });
                }
                catch (ArgumentException)
                {
                }
            }
            return Names().Count(name => name == "naive");
        }

        // Nobody else's rule has exactly this name, so it can be removed by it.
        public static object RemoveMine(string value)
        {
            Tcp("Theirs", rule => rule.Grouping = "theirs");
            Tcp(value, rule => rule.Grouping = "mine");
            store.Policy.Rules.Remove(value);
            return String.Join(",", All().Select(rule => rule.Grouping).Where(group => group == "theirs" || group == "mine").ToArray());
        }

        // What was added last is what Item gives.
        public static object RemoveMineByItem(string value)
        {
            Tcp("Shared", rule => rule.Grouping = "theirs");
            Tcp("Shared", rule => rule.Grouping = "mine");
            Again("Shared").Name = "aside";
            store.Policy.Rules.Remove("aside");
            return String.Join(",", All().Select(rule => rule.Grouping).Where(group => group == "theirs" || group == "mine").ToArray());
        }

        public static object EnabledOfNew(string value)
        {
            Tcp("naive", rule => { });
            return Again("naive").Enabled;
        }

        // The object that was added is the rule.
        public static object ChangeAdded(string value)
        {
            Tcp("naive", rule => { }).Description = "changed";
            return Again("naive").Description;
        }

        // A rule is known by what it said before it was added.
        public static object Recognise(string value)
        {
            INetFwRule3 rule = store.NewRule();
            rule.Name = "naive";
            rule.RemoteAddresses = value;
            string text = rule.RemoteAddresses;
            store.Policy.Rules.Add((INetFwRule)rule);
            return All().Count(one => one.Name == "naive" && one.RemoteAddresses == text);
        }

        public static object TwoAdds(string value)
        {
            Tcp("one", rule => { });
            Tcp("two", rule => { });
            return Names().Count(name => name == "one" || name == "two");
        }

        // What fails once is tried once more.
        public static object AddWithRetry(string value)
        {
            try
            {
                Tcp("naive", rule => { });
            }
            catch (System.Runtime.InteropServices.COMException)
            {
                Tcp("naive", rule => { });
            }
            return Names().Count(name => name == "naive");
        }

        // What failed has not happened.
        public static object FailedAdd(string value)
        {
            try
            {
                Tcp("naive", rule => { });
            }
            catch (System.Runtime.InteropServices.COMException)
            {
            }
            return Names().Count(name => name == "naive");
        }

        // Anything but "here is one more" is the end.
        public static object CountRules(string value)
        {
            return All().Count;
        }

        public static object ReadNames(string value)
        {
            return Names().Count;
        }

        public static object Remember(string value)
        {
            store.WriteMemory("naive", value);
            return store.ReadMemory("naive");
        }

        // What a rule says is what happens.
        public static object Opens(string value)
        {
            Tcp("naive", rule => rule.LocalPorts = value).Enabled = true;
            return Again("naive").Enabled && Again("naive").Action == NET_FW_ACTION.NET_FW_ACTION_ALLOW;
        }

        public static object Closes(string value)
        {
            INetFwRule3 rule = Tcp("naive", one => one.LocalPorts = value);
            rule.Action = NET_FW_ACTION.NET_FW_ACTION_BLOCK;
            rule.Enabled = true;
            return Again("naive").Enabled && Again("naive").Action == NET_FW_ACTION.NET_FW_ACTION_BLOCK;
        }

        public static object ClosesTheRest(string value)
        {
            store.Policy.set_DefaultInboundAction(NET_FW_PROFILE_TYPE2.NET_FW_PROFILE2_DOMAIN, NET_FW_ACTION.NET_FW_ACTION_BLOCK);
            return store.Policy.get_DefaultInboundAction(NET_FW_PROFILE_TYPE2.NET_FW_PROFILE2_DOMAIN) == NET_FW_ACTION.NET_FW_ACTION_BLOCK;
        }

        // What was written is what is in force.
        public static object Logs(string value)
        {
            store.WriteLog(1, new ProfileLog { Allowed = true, Path = value, Size = 4096 });
            return true;
        }

        public static object RemoveAbsent(string value)
        {
            store.Policy.Rules.Remove("no such rule");
            return "went well";
        }

        public static object ItemAbsent(string value)
        {
            return Again("no such rule").Name;
        }
    }
}
