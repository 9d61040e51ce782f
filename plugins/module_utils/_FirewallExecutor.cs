// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// One call of the module: read the firewall, and where operations are given do them all or none. Whatever thinks is on the controller.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Management.Automation;
using System.Text.RegularExpressions;
using Ansible.Basic;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallOperations;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRollback;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRules;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallState;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallStore;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallTransaction;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallWaiting;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallExecutor
{
    public static class Executor
    {
        public static void Run(AnsibleModule module)
        {
            Counts counts = new Counts();
            string message = null;
            Exception failure = null;
            try
            {
                message = Work(module, counts);
            }
            catch (RefusedException refused)
            {
                message = refused.Message;
            }
            catch (Exception unexpected)
            {
                failure = unexpected;
                message = "the firewall could not be read, nothing was changed: " + Failures.Text(unexpected);
            }
            module.Result["counts"] = counts.Result();
            // Older cores send all parameters back with the result: a thousand operations, once more over the wire.
            if (module.Result.ContainsKey("invocation"))
                module.Result["invocation"] = new Dictionary<string, object> { { "module_args", new Hashtable { { "owner", module.Params["owner"] } } } };

            // Outside of the try: both end the script by an exception.
            if (message != null)
                module.FailJson(message, failure);
            else
                module.ExitJson();
        }

        // The message of a failure, or null; the rest is in the module's result.
        private static string Work(AnsibleModule module, Counts counts)
        {
            string owner = (string)module.Params["owner"];
            string expected = (string)module.Params["expected"];
            IList operations = (IList)Unwrapped(module.Params["operations"]);
            bool writes = operations != null && operations.Count > 0;
            if (!Regex.IsMatch(owner, @"^[a-z][a-z0-9_]{0,23}\z"))
                return "owner \"" + owner + "\": expected a lower-case letter and up to 23 lower-case letters, digits or underscores";
            if (writes && module.CheckMode)
                return "check mode writes nothing, so it takes no operations; nothing was changed";
            if (writes && String.IsNullOrEmpty(expected))
                return "operations need \"expected\", the digest of what they were planned from; nothing was changed";

            IList<int> ports = ((IList)Unwrapped(module.Params["ports"]) ?? new int[0]).Cast<int>().ToList();
            IPolicyStore store = PolicyStores.Open();
            bool settles = true.Equals(module.Params["settle"]);
            if (!writes && !settles)
            {
                module.Result["state"] = FirewallState.Read(store, owner, ports, counts).Result();
                return null;
            }
            using (module.CheckMode ? null : store.Lock())
            {
                Rollback rollback = new Rollback(store, counts);
                string unfinished = rollback.Settle(module.CheckMode);
                if (unfinished != null)
                    module.Warn(unfinished);
                FirewallState state = FirewallState.Read(store, owner, ports, counts);
                if (writes)
                    return Change(module, store, state, rollback, ports, operations, expected, counts);
                module.Result["rolled_back_before"] = Note.Read(store, owner);
                module.Result["state"] = state.Result();
                return null;
            }
        }

        private static string Change(
            AnsibleModule module,
            IPolicyStore store,
            FirewallState state,
            Rollback rollback,
            IList<int> ports,
            IList operations,
            string expected,
            Counts counts)
        {
            if (state.Digest != expected)
                return "the firewall changed in between: it is not what the operations were planned from; nothing was changed, run it again";
            Resolver resolver = new Resolver(state);
            List<Operation> resolved = resolver.Resolve(operations);
            if (resolver.Problems.Count > 0)
            {
                module.Result["problems"] = resolver.Problems;
                return "the operations cannot be done, nothing was changed: " + String.Join("; ", resolver.Problems.ToArray());
            }
            IDictionary asked = (IDictionary)Unwrapped(module.Params["rollback"]);
            Dictionary<string, object> armed = null;
            if (asked != null)
            {
                int seconds = Convert.ToInt32(asked["seconds"], CultureInfo.InvariantCulture);
                armed = rollback.Arm((string)asked["nonce"], seconds, (string)asked["code"], state, state.Owner, Waiting.Among(store, ports));
            }
            string failure = Write(module, new Transaction(store, state, state.Owner, counts), resolved);
            if (armed != null)
                failure = Armed(module, rollback, armed, failure);
            if (failure == null && resolved.Any(operation => operation.Profile != null))
                TellProfiles(module, store);
            return failure;
        }

        // What was written waits for its confirmation. What failed and is not wholly undone is taken back by the task.
        private static string Armed(AnsibleModule module, Rollback rollback, Dictionary<string, object> armed, string failure)
        {
            try
            {
                if (failure == null)
                {
                    rollback.Amend();
                    module.Result["rollback"] = armed;
                }
                else if (true.Equals(module.Result["undone"]))
                    rollback.Disarm();
            }
            catch (Exception unexpected)
            {
                failure = failure ?? "the rules are written, but what Windows holds of them could not be read";
                failure += ": " + Failures.Text(unexpected);
                module.Result["undone"] = false;
            }
            if (failure == null || true.Equals(module.Result["undone"]))
                return failure;
            return failure + ". The host takes the change back by itself in " + armed["seconds"] + " seconds at most";
        }

        // PowerShell wraps what goes through a pipeline, and so every text, number and flag of a list: Ansible.Basic unwraps an
        // option's own value and what it parses by the spec, but nothing within a dict that has no spec of its own.
        private static object Unwrapped(object value)
        {
            PSObject wrapped = value as PSObject;
            if (wrapped != null)
                return Unwrapped(wrapped.BaseObject);
            IDictionary map = value as IDictionary;
            if (map != null)
                return map.Keys.Cast<string>().ToDictionary(key => key, key => Unwrapped(map[key]), StringComparer.Ordinal);
            IList list = value as IList;
            return list != null ? list.Cast<object>().Select(Unwrapped).ToArray() : value;
        }

        // What a setting is afterwards may be another than what was written.
        private static void TellProfiles(AnsibleModule module, IPolicyStore store)
        {
            try
            {
                module.Result["profiles"] = FirewallState.ReadProfiles(store);
            }
            catch (Exception unexpected)
            {
                // All was done, so this is no failure of it.
                module.Warn("the profiles could not be read after they were changed: " + Failures.Text(unexpected));
            }
        }

        private static string Write(AnsibleModule module, Transaction transaction, List<Operation> operations)
        {
            transaction.Run(operations);
            if (transaction.Failure == null)
            {
                module.Result["changed"] = true;
                module.Result["written"] = transaction.Written;
                return null;
            }
            bool undone = transaction.Remaining.Count == 0;
            string rest = undone ? "" : " but for this: " + String.Join("; ", transaction.Remaining.ToArray());
            module.Result["changed"] = !undone;
            module.Result["failed_at"] = transaction.Done;
            module.Result["done"] = transaction.Done;
            module.Result["undone"] = undone;
            module.Result["remaining"] = transaction.Remaining;
            return String.Format(
                CultureInfo.InvariantCulture,
                "operation {0} of {1} ({2}) failed: {3}; what was done before it is undone{4}",
                transaction.Done + 1,
                operations.Count,
                operations[transaction.Done].Text,
                Failures.Text(transaction.Failure),
                rest);
        }
    }
}
