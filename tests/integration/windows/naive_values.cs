// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// One way each in which an executor trusts Windows more than it should; the value says what came of it. Here: values of rules.

using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices.ComTypes;
using Ansible.Basic;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;

namespace naive
{
    public static partial class Executor
    {
        private static IPolicyStore store;

        // Each case has a file of its own; one process for all of them, because starting one takes longest.
        public static void Run(AnsibleModule module)
        {
            List<object> outcomes = new List<object>();
            foreach (IDictionary one in (IList)module.Params["cases"])
            {
                Environment.SetEnvironmentVariable("MSPORTS_STAND_IN", (string)one["path"]);
                try
                {
                    store = portcullis.msports.tests.StandIn.Open();
                    outcomes.Add(typeof(Executor).GetMethod((string)one["way"]).Invoke(null, new[] { one["value"] }));
                }
                catch (System.Reflection.TargetInvocationException error)
                {
                    outcomes.Add(error.InnerException.GetType().Name + ": " + error.InnerException.Message);
                }
            }
            module.Result["outcomes"] = outcomes;
            module.ExitJson();
        }

        private static INetFwRule3 New(string name, int protocol, Action<INetFwRule3> more)
        {
            INetFwRule3 rule = store.NewRule();
            rule.Name = name;
            rule.Protocol = protocol;
            more(rule);
            store.Policy.Rules.Add((INetFwRule)rule);
            return rule;
        }

        private static INetFwRule3 Tcp(string name, Action<INetFwRule3> more)
        {
            return New(name, 6, more);
        }

        private static INetFwRule3 Again(string name)
        {
            return (INetFwRule3)store.Policy.Rules.Item(name);
        }

        private static List<INetFwRule3> All()
        {
            List<INetFwRule3> found = new List<INetFwRule3>();
            IEnumVARIANT rules = (IEnumVARIANT)store.Policy.Rules._NewEnum;
            object[] one = new object[1];
            while (rules.Next(1, one, IntPtr.Zero) == 0)
                found.Add((INetFwRule3)one[0]);
            return found;
        }

        private static List<string> Names()
        {
            return All().Select(rule => rule.Name).ToList();
        }

        // What was written is what comes back.
        public static object Addresses(string value)
        {
            Tcp("naive", rule => rule.RemoteAddresses = value);
            return Again("naive").RemoteAddresses;
        }

        public static object LocalPorts(string value)
        {
            Tcp("naive", rule => rule.LocalPorts = value);
            return Again("naive").LocalPorts;
        }

        public static object Program(string value)
        {
            Tcp("naive", rule => rule.ApplicationName = value);
            return Again("naive").ApplicationName;
        }

        public static object Profiles(string value)
        {
            Tcp("naive", rule => rule.Profiles = Int32.Parse(value));
            return Again("naive").Profiles;
        }

        public static object Name(string value)
        {
            return Tcp(value, rule => { }).Name;
        }

        public static object Description(string value)
        {
            Tcp("naive", rule => rule.Description = value);
            return Again("naive").Description;
        }

        // A text that is not set is an empty text.
        public static object LengthOfDescription(string value)
        {
            return Tcp("naive", rule => { }).Description.Length;
        }

        // Rules come in the same order each time.
        public static object SameOrder(string value)
        {
            return Names().SequenceEqual(Names());
        }

        // Properties may be put in any order.
        public static object PortsBeforeProtocol(string value)
        {
            INetFwRule3 rule = store.NewRule();
            rule.Name = "naive";
            rule.LocalPorts = value;
            rule.Protocol = 6;
            store.Policy.Rules.Add((INetFwRule)rule);
            return Again("naive").LocalPorts;
        }

        // A rule for TCP becomes one for ICMP by its protocol.
        public static object ProtocolOfLiveRule(string value)
        {
            Tcp("naive", rule => rule.LocalPorts = "80").Protocol = 1;
            return Again("naive").Protocol;
        }

        public static object RemotePortsOutbound(string value)
        {
            Tcp("naive", delegate(INetFwRule3 rule)
            {
                rule.Direction = NET_FW_RULE_DIRECTION.NET_FW_RULE_DIR_OUT;
                rule.RemotePorts = value;
            });
            return Again("naive").RemotePorts;
        }

        public static object Interfaces(string value)
        {
            Tcp("naive", rule => rule.Interfaces = new[] { value });
            return ((object[])Again("naive").Interfaces)[0];
        }

        public static object ManyAddresses(string value)
        {
            int count = Int32.Parse(value);
            string[] many = Enumerable.Range(0, count).Select(i => "10.0." + i / 250 + "." + (i % 250 + 1)).ToArray();
            Tcp("naive", rule => rule.RemoteAddresses = String.Join(",", many));
            return Again("naive").RemoteAddresses.Split(',').Length;
        }

        public static object LongName(string value)
        {
            return Tcp(new String('x', Int32.Parse(value)), rule => { }).Name.Length;
        }
    }
}
