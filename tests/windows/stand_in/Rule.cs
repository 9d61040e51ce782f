// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// One rule: detached, or a view of a rule in the store, where every put is a commit of its own.
using System;
using System.Collections.Generic;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;

namespace portcullis.msports.tests
{
    public class StandInRule : INetFwRule, INetFwRule3
    {
        private readonly StandIn store;
        private RuleRecord record;
        private bool live;
        // What was put while it was detached.
        private readonly Dictionary<string, object> put = new Dictionary<string, object>();

        public StandInRule(StandIn store, RuleRecord record, bool live)
        {
            this.store = store;
            this.record = record;
            this.live = live;
        }

        // Rules.Add: checked as a whole, then kept. Whether this object is a view of the stored rule from now on is a switch.
        public RuleRecord Enter()
        {
            if (live)
                throw Refuse.Argument();
            record.name = store.Texts.KeepName(record.name);
            Check(record);
            if (!store.Switches.added_object_is_live)
                return record.Clone();
            live = true;
            return record;
        }

        public void Leave()
        {
            live = false;
        }

        public string Name
        {
            get { return Read(store.Texts.Show(record.name), "name"); }
            set { Put("name", value, delegate(RuleRecord next) { next.name = store.Texts.KeepName(value); }); }
        }

        public string Description
        {
            get { return Read(store.Texts.Show(record.description), "description"); }
            set { Put("description", value, delegate(RuleRecord next) { next.description = store.Texts.Keep(value); }); }
        }

        public string ApplicationName
        {
            get { return Read(store.Texts.Show(record.program), "program"); }
            set { Put("program", value, delegate(RuleRecord next) { next.program = store.Texts.KeepProgram(value); }); }
        }

        public string ServiceName
        {
            get { return Read(store.Texts.Show(record.service), "service"); }
            set { Put("service", value, delegate(RuleRecord next) { next.service = store.Texts.Keep(value); }); }
        }

        public int Protocol
        {
            get { return Read(record.protocol); }
            set { Put("protocol", value, delegate(RuleRecord next) { next.protocol = value; }); }
        }

        public string LocalPorts
        {
            get { return Read(HasPorts ? store.Ports.Show(record.local_ports) : store.Texts.Show(null), "local_ports"); }
            set { Put("local_ports", value, delegate(RuleRecord next) { next.local_ports = KeepPorts(value); }); }
        }

        public string RemotePorts
        {
            get { return Read(HasPorts ? store.Ports.Show(record.remote_ports) : store.Texts.Show(null), "remote_ports"); }
            set { Put("remote_ports", value, delegate(RuleRecord next) { next.remote_ports = KeepPorts(value); }); }
        }

        public string LocalAddresses
        {
            get { return Read(store.Addresses.Show(record.local_addresses), "local_addresses"); }
            set { Put("local_addresses", value, delegate(RuleRecord next) { next.local_addresses = store.Addresses.Keep(value, false); }); }
        }

        public string RemoteAddresses
        {
            get { return Read(store.Addresses.Show(record.remote_addresses), "remote_addresses"); }
            set { Put("remote_addresses", value, delegate(RuleRecord next) { next.remote_addresses = store.Addresses.Keep(value, true); }); }
        }

        public string IcmpTypesAndCodes
        {
            get { return Read(HasIcmp ? record.icmp : store.Texts.Show(null), "icmp"); }
            set { Put("icmp", value, delegate(RuleRecord next) { next.icmp = KeepIcmp(value); }); }
        }

        public NET_FW_RULE_DIRECTION Direction
        {
            get { return (NET_FW_RULE_DIRECTION)Read(record.direction); }
            set { Put("direction", (int)value, delegate(RuleRecord next) { next.direction = (int)value; }); }
        }

        public object Interfaces
        {
            get { return Read(StandIn.Variants(record.interfaces), "interfaces"); }
            set { Put("interfaces", value, delegate(RuleRecord next) { next.interfaces = KeepInterfaces(value); }); }
        }

        public string InterfaceTypes
        {
            get { return Read(record.interface_types, "interface_types"); }
            set { Put("interface_types", value, delegate(RuleRecord next) { next.interface_types = store.Texts.KeepInterfaceTypes(value); }); }
        }

        public bool Enabled
        {
            get { return Read(record.enabled); }
            set { Put("enabled", value, delegate(RuleRecord next) { next.enabled = value; }); }
        }

        public string Grouping
        {
            get { return Read(store.Texts.Show(record.grouping), "grouping"); }
            set { Put("grouping", value, delegate(RuleRecord next) { next.grouping = store.Texts.Keep(value); }); }
        }

        public int Profiles
        {
            get { return Read(store.Switches.all_profiles_value || record.profiles != 0x7fffffff ? record.profiles : 7, "profiles"); }
            set { Put("profiles", value, delegate(RuleRecord next) { next.profiles = KeepProfiles(value); }); }
        }

        public bool EdgeTraversal
        {
            get { return Read(record.edge == 1); }
            set { Put("edge", value, delegate(RuleRecord next) { next.edge = value ? 1 : 0; }); }
        }

        public NET_FW_ACTION Action
        {
            get { return (NET_FW_ACTION)Read(record.action); }
            set { Put("action", (int)value, delegate(RuleRecord next) { next.action = (int)value; }); }
        }

        public int EdgeTraversalOptions
        {
            get { return Read(record.edge); }
            set { Put("edge", value, delegate(RuleRecord next) { next.edge = value; }); }
        }

        public string LocalAppPackageId
        {
            get { return Read(store.Texts.Show(record.app_package), "app_package"); }
            set { Put("app_package", value, delegate(RuleRecord next) { next.app_package = store.Texts.Keep(value); }); }
        }

        public string LocalUserOwner
        {
            get { return Read(store.Texts.Show(record.local_user_owner), "local_user_owner"); }
            set { Put("local_user_owner", value, delegate(RuleRecord next) { next.local_user_owner = store.Texts.Keep(value); }); }
        }

        public string LocalUserAuthorizedList
        {
            get { return Read(store.Texts.Show(record.local_users), "local_users"); }
            set { Put("local_users", value, delegate(RuleRecord next) { next.local_users = store.Texts.Keep(value); }); }
        }

        public string RemoteUserAuthorizedList
        {
            get { return Read(store.Texts.Show(record.remote_users), "remote_users"); }
            set { Put("remote_users", value, delegate(RuleRecord next) { next.remote_users = store.Texts.Keep(value); }); }
        }

        public string RemoteMachineAuthorizedList
        {
            get { return Read(store.Texts.Show(record.remote_machines), "remote_machines"); }
            set { Put("remote_machines", value, delegate(RuleRecord next) { next.remote_machines = store.Texts.Keep(value); }); }
        }

        public int SecureFlags
        {
            get { return Read(record.secure); }
            set { Put("secure", value, delegate(RuleRecord next) { next.secure = value; }); }
        }

        private bool HasPorts
        {
            get { return record.protocol == 6 || record.protocol == 17; }
        }

        private bool HasIcmp
        {
            get { return record.protocol == 1 || record.protocol == 58; }
        }

        // A detached rule may give back the very values that were put; a stored one gives what the store makes of them.
        private T Read<T>(T value, string property = null)
        {
            if (live && record.name == store.Switches.unreadable_rule)
                throw Refuse.Absent();
            object asPut;
            if (!live && store.Switches.detached_as_put && property != null && put.TryGetValue(property, out asPut))
                return (T)asPut;
            return value;
        }

        private void Put(string property, object value, Action<RuleRecord> change)
        {
            if (live)
                store.CheckOpen(record);
            RuleRecord next = record.Clone();
            change(next);
            Check(next);
            if (live)
                store.CheckName(next.name, record);
            if (!live)
            {
                record = next;
                put[property] = value;
            }
            else
                store.Commit("put", record, property, value is Array ? null : value, delegate { record.TakeFrom(next); });
        }

        // Ports exist for TCP and UDP alone, and the protocol has to be there first: even `*` is refused before.
        private string KeepPorts(string value)
        {
            if (store.Switches.ports_need_protocol && !HasPorts)
                throw Refuse.Argument();
            return store.Ports.Keep(value);
        }

        private string KeepIcmp(string value)
        {
            if (store.Switches.ports_need_protocol && !HasIcmp)
                throw Refuse.Argument();
            return store.Texts.KeepIcmp(value);
        }

        private static int KeepProfiles(int value)
        {
            if (value == 0x7fffffff || value == 7)
                return 0x7fffffff;
            if (value < 1 || value > 7)
                throw Refuse.Argument();
            return value;
        }

        private List<string> KeepInterfaces(object value)
        {
            if (value == null)
                return null;
            Array items = value as Array;
            if (items == null || (store.Switches.variant_array_only && value.GetType() != typeof(object[])))
                throw Refuse.Argument();
            List<string> names = new List<string>();
            foreach (object item in items)
            {
                string name = item as string;
                if (String.IsNullOrEmpty(name))
                    throw Refuse.Argument();
                names.Add(name);
            }
            return names.Count == 0 ? null : names;
        }

        // What Windows verifies at every commit.
        private void Check(RuleRecord next)
        {
            bool ports = next.protocol == 6 || next.protocol == 17;
            bool icmp = next.protocol == 1 || next.protocol == 58;
            bool wrong = next.protocol < 0 || next.protocol > 256
                || next.direction < 1 || next.direction > 2
                || next.action < 0 || next.action > 1
                || next.edge < 0 || next.edge > 3 || (next.edge != 0 && next.direction != 1)
                || next.secure < 0 || next.secure > 4 || (next.secure != 0 && next.action != 1);
            if (store.Switches.ports_need_protocol)
                wrong = wrong || (!ports && (next.local_ports != "*" || next.remote_ports != "*")) || (!icmp && next.icmp != "*");
            if (wrong)
                throw Refuse.Argument();
            store.Ports.CheckPlace(next.local_ports, next, true);
            store.Ports.CheckPlace(next.remote_ports, next, false);
        }
    }
}
