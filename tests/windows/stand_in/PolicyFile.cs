// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The file that holds the stand-in's state: its shape, and writing it. Field names are the keys of the JSON file.
// tests/windows/policy_file.py builds such files and says what every switch means.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Reflection;
using System.Text;

namespace portcullis.msports.tests
{
    public class Switches
    {
        // How values come back
        public bool addresses_as_masks = true;
        public bool reorder_addresses = true;
        public bool reorder_ports = true;
        public bool trailing_comma = true;
        public bool null_strings = true;
        public bool program_expanded = true;
        public bool all_profiles_value = true;
        public string ipv6_text = "prefix";
        public string enumeration_order = "shuffled";

        // What is refused
        public bool ports_need_protocol = true;
        public bool bar_refused = true;
        public bool name_all_refused = true;
        public bool zero_mask_refused = true;
        public bool ipv6_special_refused = true;
        public bool keywords_in_place_only = true;
        public bool com_spelling_only = true;
        public bool variant_array_only = true;
        public bool built_in_locked = true;
        public int max_addresses = 1000;
        public int max_text = 10000;
        public string host_bits = "refuse";

        // How rules are found and kept
        public bool duplicate_names = true;
        public bool names_ignore_case = true;
        public bool new_rule_disabled = true;
        public bool added_object_is_live = true;
        public bool detached_as_put = true;
        public bool nul_ends_text = true;
        public string remove_takes = "first";
        public string item_takes = "first";

        // Injected failures; 0 and null are none. Commits and rules are counted from 1, in each process anew.
        public int fail_commit_at = 0;
        public int fail_commits_from = 0;
        public bool failed_commit_took_effect = false;
        public int die_after_commits = 0;
        public int enumeration_fails_at = 0;
        public string unreadable_rule = null;
        public bool fail_memory = false;
        public bool fail_task = false;
        public int die_after_steps = 0;
        public string log_failure = null;
    }

    public class RuleRecord
    {
        public string key;
        public string name;
        public string description;
        public bool enabled;
        public int direction = 1;
        public int action = 1;
        public int protocol = 256;
        public string local_ports = "*";
        public string remote_ports = "*";
        public string local_addresses = "*";
        public string remote_addresses = "*";
        public int profiles = 0x7fffffff;
        public string program;
        public string service;
        public string interface_types = "All";
        public List<string> interfaces;
        public string icmp = "*";
        public int edge;
        public int secure;
        public string grouping;
        public string local_user_owner;
        public string local_users;
        public string remote_users;
        public string remote_machines;
        public string app_package;

        public RuleRecord Clone()
        {
            return (RuleRecord)MemberwiseClone();
        }

        // The identity of a rule stays with the record; everything else is taken over.
        public void TakeFrom(RuleRecord other)
        {
            string own = key;
            foreach (FieldInfo field in typeof(RuleRecord).GetFields())
                field.SetValue(this, field.GetValue(other));
            key = own;
        }
    }

    public class ProfileRecord
    {
        public bool enabled = true;
        public int inbound;
        public int outbound = 1;
        public bool block_all;
        public bool local_rules = true;
        public List<string> excluded_interfaces;
        public bool log_allowed;
        public bool log_dropped;
        public string log_path = "%systemroot%\\system32\\LogFiles\\Firewall\\pfirewall.log";
        public int log_size = 4096;
        public bool log_policy;
        public bool unicast_responses = true;
        public Dictionary<string, object> given = new Dictionary<string, object>();
    }

    public class PolicyRuleRecord
    {
        public string origin;
        public string id;
        public string text;
    }

    public class ProductRecord
    {
        public string name;
        public List<int> categories = new List<int>();
    }

    public class PeerRecord
    {
        public string peer;
        public int peer_port;
        public string local;
        public int local_port;
    }

    public class SocketRecord
    {
        public string protocol;
        public int state;
        public string local;
        public int local_port;
        public string peer = "";
        public int peer_port;
        public int process;
    }

    public class Counters
    {
        public int calls;
        public int enumerations;
        public int commits;
        public int failed_commits;
        public int lookups;
        public int memory_writes;
        public int last_key;
    }

    public class JournalRecord
    {
        public int call;
        public int commit;
        public string what;
        public string key;
        public string name;
        public string property;
        public string value;
    }

    public class PolicyFile
    {
        public int format = 1;
        public Switches switches = new Switches();
        public List<RuleRecord> rules = new List<RuleRecord>();
        public Dictionary<string, ProfileRecord> profiles = new Dictionary<string, ProfileRecord>();
        public int active = 1;
        public int modify_state;
        public Dictionary<string, string> memory = new Dictionary<string, string>();
        public string until_restart;
        public string task;
        public List<PeerRecord> sessions = new List<PeerRecord>();
        public List<string> addresses;
        public List<SocketRecord> sockets = new List<SocketRecord>();
        public Dictionary<string, string> processes = new Dictionary<string, string>();
        public Dictionary<string, List<string>> services = new Dictionary<string, List<string>>();
        public Dictionary<string, string> logs = new Dictionary<string, string>();
        public Dictionary<string, string> environment = new Dictionary<string, string>();
        public List<PolicyRuleRecord> policy_rules = new List<PolicyRuleRecord>();
        public List<ProductRecord> products = new List<ProductRecord>();
        public string system = "10.0.20348.0";
        public string system_root = "C:\\Windows";
        public Counters counters = new Counters();
        public List<JournalRecord> journal = new List<JournalRecord>();

        // Whole or not at all: a temporary file beside it takes its place.
        public void Save(string path)
        {
            StringBuilder text = new StringBuilder();
            Append(text, this, 0);
            text.Append('\n');
            string beside = path + ".new";
            File.WriteAllText(beside, text.ToString(), new UTF8Encoding(false));
            File.Replace(beside, path, null);
        }

        // Lists of objects and the outermost objects have a line per item; field order is the order of declaration.
        private static void Append(StringBuilder text, object value, int depth)
        {
            if (value == null)
                text.Append("null");
            else if (value is bool)
                text.Append((bool)value ? "true" : "false");
            else if (value is int)
                text.Append(((int)value).ToString(CultureInfo.InvariantCulture));
            else if (value is string)
                AppendText(text, (string)value);
            else if (value is IDictionary)
            {
                List<string> keys = new List<string>();
                foreach (object key in ((IDictionary)value).Keys)
                    keys.Add((string)key);
                keys.Sort(StringComparer.Ordinal);
                AppendItems(text, '{', '}', keys.Count, depth, delegate(int index)
                {
                    AppendText(text, keys[index]);
                    text.Append(": ");
                    Append(text, ((IDictionary)value)[keys[index]], depth + 1);
                });
            }
            else if (value is IList)
                AppendItems(text, '[', ']', ((IList)value).Count, depth, delegate(int index) { Append(text, ((IList)value)[index], depth + 1); });
            else
            {
                FieldInfo[] fields = value.GetType().GetFields(BindingFlags.Public | BindingFlags.Instance);
                AppendItems(text, '{', '}', fields.Length, depth, delegate(int index)
                {
                    AppendText(text, fields[index].Name);
                    text.Append(": ");
                    Append(text, fields[index].GetValue(value), depth + 1);
                });
            }
        }

        private static void AppendItems(StringBuilder text, char open, char close, int count, int depth, Action<int> append)
        {
            text.Append(open);
            for (int index = 0; index < count; index++)
            {
                if (index > 0)
                    text.Append(depth < 2 ? "," : ", ");
                if (depth < 2)
                    text.Append('\n').Append(' ', depth + 1);
                append(index);
            }
            text.Append(close);
        }

        private static void AppendText(StringBuilder text, string value)
        {
            text.Append('"');
            foreach (char letter in value)
            {
                if (letter == '"' || letter == '\\')
                    text.Append('\\').Append(letter);
                else if (letter < ' ' || letter > '~')
                    text.Append("\\u").Append(((int)letter).ToString("x4", CultureInfo.InvariantCulture));
                else
                    text.Append(letter);
            }
            text.Append('"');
        }
    }
}
