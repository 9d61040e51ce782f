// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// One pass over the rules, its cost, and a rule as it was at one moment.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Runtime.InteropServices;
using System.Runtime.InteropServices.ComTypes;
using System.Security.Cryptography;
using System.Text;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallColumns;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallRules
{
    public class Counts
    {
        public int Enumerations;
        public int Commits;

        public Dictionary<string, object> Result()
        {
            return new Dictionary<string, object> { { "enumerations", Enumerations }, { "commits", Commits } };
        }
    }

    public static class Rules
    {
        public static IEnumerable<object> Enumerate(INetFwRules rules, Counts counts)
        {
            counts.Enumerations++;
            return Items(rules._NewEnum);
        }

        // One at a time, the way of every documented use of this enumerator; it works within the process, so batches would save nothing.
        public static IEnumerable<object> Items(object enumerator)
        {
            IEnumVARIANT items = (IEnumVARIANT)enumerator;
            object[] one = new object[1];
            IntPtr fetched = Marshal.AllocCoTaskMem(sizeof(int));
            try
            {
                while (true)
                {
                    Marshal.WriteInt32(fetched, 0);
                    int status = items.Next(1, one, fetched);
                    if (status < 0)
                        Marshal.ThrowExceptionForHR(status);
                    if (status != 0 || Marshal.ReadInt32(fetched) == 0)
                        yield break;
                    yield return one[0];
                }
            }
            finally
            {
                Marshal.FreeCoTaskMem(fetched);
            }
        }

        public static INetFwRule3 Cast(object item)
        {
            INetFwRule3 rule = item as INetFwRule3;
            if (rule == null)
                throw new FirewallException("the rule has no INetFwRule3: Windows Server 2012 or newer is needed");
            return rule;
        }
    }

    // A rule as it was at one moment, whole, so that it can be told, recognised and made again.
    public class RuleCopy
    {
        public readonly INetFwRule3 Live;
        public readonly object[] Values;
        public readonly string BaseId;
        // BaseId, and "#2", "#3" for identical twins: set by whoever sees all rules.
        public string Id;
        private readonly string[] users;

        public RuleCopy(INetFwRule3 rule)
        {
            Live = rule;
            Values = Columns.All.Select(column => column.Get(rule)).ToArray();
            users = Columns.Users(rule);
            BaseId = Digest(Values).Substring(0, 16);
            Id = BaseId;
        }

        private RuleCopy(object[] values, string[] users)
        {
            Values = values;
            this.users = users;
            BaseId = Digest(Values).Substring(0, 16);
            Id = BaseId;
        }

        public string Name { get { return (string)Values[0]; } }

        public string UsersButOwner { get { return String.Join("|", users.Skip(1).Where(item => item != "").ToArray()); } }

        // All of it as one text, and back from there: without a rule of the store behind it.
        public string Text()
        {
            return String.Join("\u001f", Values.Select(Plain).Concat(users).ToArray());
        }

        public static RuleCopy Parse(string text)
        {
            string[] cells = text.Split('\u001f');
            return new RuleCopy(Columns.All.Select((column, i) => column.Read(cells[i])).ToArray(), cells.Skip(Columns.All.Length).ToArray());
        }

        // Content by content, as many of each: which of several rules of one content it is makes no difference.
        public static List<RuleCopy> Without(IEnumerable<RuleCopy> rules, IEnumerable<RuleCopy> others)
        {
            List<string> rest = others.Select(rule => rule.BaseId).ToList();
            return rules.Where(rule => !rest.Remove(rule.BaseId)).ToList();
        }

        public bool HasPackage { get { return users[4] != ""; } }

        public object[] Row(string id, string description)
        {
            object[] row = new object[] { id }.Concat(Values).ToArray();
            row[2] = description;
            return row;
        }

        public object[] Row()
        {
            return Row(Id, (string)Values[1]);
        }

        // The same rule again, detached.
        public INetFwRule3 Rebuild(INetFwRule3 rule)
        {
            for (int i = 0; i < Columns.All.Length; i++)
            {
                Column column = Columns.All[i];
                if (column.Put != null && !column.IsNeutral(Values[i]))
                    column.Put(rule, Values[i]);
            }
            rule.Grouping = (string)Values[Array.FindIndex(Columns.All, column => column.Name == "grouping")];
            if (users[0] != "")
                rule.LocalUserOwner = users[0];
            if (users[1] != "")
                rule.LocalUserAuthorizedList = users[1];
            if (users[2] != "")
                rule.RemoteUserAuthorizedList = users[2];
            if (users[3] != "")
                rule.RemoteMachineAuthorizedList = users[3];
            return rule;
        }

        // Separators that no value can hold, and the type's own invariant text.
        public static string Digest(IEnumerable<object> values)
        {
            string text = String.Join("\u001f", values.Select(Plain).ToArray());
#if CORECLR
            using (SHA256 hash = SHA256.Create())
#else
            // The managed class refuses to work where Windows is set to FIPS mode.
            using (SHA256 hash = new SHA256CryptoServiceProvider())
#endif
            {
                return String.Concat(hash.ComputeHash(Encoding.UTF8.GetBytes(text)).Select(b => b.ToString("x2", CultureInfo.InvariantCulture)).ToArray());
            }
        }

        private static string Plain(object value)
        {
            string[] list = value as string[];
            return list != null ? String.Join("\u001e", list) + "\u001e" : Convert.ToString(value, CultureInfo.InvariantCulture);
        }
    }
}
