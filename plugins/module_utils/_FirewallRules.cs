// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// One pass over the rules, its cost, and a rule as a row of columns: one table says how each is read from the COM object, and how it is put there.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Runtime.InteropServices;
using System.Runtime.InteropServices.ComTypes;
using System.Security.Cryptography;
using System.Text;
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

    public enum ColumnType { Text, Number, Flag, Texts }

    public class Column
    {
        public readonly string Name;
        public readonly ColumnType Type;
        public readonly Func<INetFwRule3, object> Get;
        // Null where only the executor itself decides.
        public readonly Action<INetFwRule3, object> Put;
        // What a new rule has by itself. Putting it is not only idle: a port of "*" is refused where the protocol has no ports.
        private readonly object[] neutral;

        public Column(string name, ColumnType type, Func<INetFwRule3, object> get, Action<INetFwRule3, object> put, params object[] neutral)
        {
            Name = name;
            Type = type;
            Get = get;
            Put = put;
            this.neutral = neutral;
        }

        public bool IsNeutral(object value)
        {
            IList list = value as IList;
            return list != null ? list.Count == 0 : neutral.Contains(value);
        }

        // As RuleCopy.Plain writes it.
        public object Read(string text)
        {
            switch (Type)
            {
                case ColumnType.Text:
                    return text;
                case ColumnType.Flag:
                    return Boolean.Parse(text);
                case ColumnType.Number:
                    return Int32.Parse(text, CultureInfo.InvariantCulture);
                default:
                    return text.Split('\u001e').Where((item, i) => i < text.Count(c => c == '\u001e')).Where(item => text != "\u001e").ToArray();
            }
        }

        public static bool Same(object one, object other)
        {
            string[] list = one as string[];
            return list != null ? list.SequenceEqual((string[])other) : one.Equals(other);
        }

        // The value as this column holds it; null when it is of another type.
        public object Parse(object value)
        {
            switch (Type)
            {
                case ColumnType.Text:
                    string text = value == null ? "" : value as string;
                    // A BSTR may hold a NUL, but Windows ends the text there.
                    return text == null || text.IndexOf('\0') >= 0 ? null : text;
                case ColumnType.Flag:
                    return value is bool ? value : null;
                case ColumnType.Number:
                    // A number of JSON is an int for Windows PowerShell and a long for PowerShell 7.
                    if (value is int)
                        return value;
                    if (value is long && (long)value >= Int32.MinValue && (long)value <= Int32.MaxValue)
                        return (int)(long)value;
                    return null;
                default:
                    IList items = value as IList;
                    if (items == null || items.Cast<object>().Any(item => !(item is string)))
                        return null;
                    return items.Cast<string>().ToArray();
            }
        }
    }

    public static class Columns
    {
        private const ColumnType T = ColumnType.Text;
        private const ColumnType N = ColumnType.Number;

        // In the order in which a new rule takes them: the direction and the protocol before whatever depends on them.
        public static readonly Column[] All =
        {
            new Column("name", T, r => Text(r.Name), (r, v) => r.Name = (string)v),
            new Column("description", T, r => Text(r.Description), (r, v) => r.Description = OrNull(v), ""),
            new Column("enabled", ColumnType.Flag, r => r.Enabled, (r, v) => r.Enabled = (bool)v),
            new Column("direction", N, r => (int)r.Direction, (r, v) => r.Direction = (NET_FW_RULE_DIRECTION)(int)v),
            new Column("action", N, r => (int)r.Action, (r, v) => r.Action = (NET_FW_ACTION)(int)v),
            new Column("protocol", N, r => r.Protocol, (r, v) => r.Protocol = (int)v),
            new Column("local_ports", T, r => Text(r.LocalPorts), (r, v) => r.LocalPorts = Or(v, "*"), "", "*"),
            new Column("remote_ports", T, r => Text(r.RemotePorts), (r, v) => r.RemotePorts = Or(v, "*"), "", "*"),
            new Column("local_addresses", T, r => Text(r.LocalAddresses), (r, v) => r.LocalAddresses = Or(v, "*"), "", "*"),
            new Column("remote_addresses", T, r => Text(r.RemoteAddresses), (r, v) => r.RemoteAddresses = Or(v, "*"), "", "*"),
            new Column("profiles", N, r => r.Profiles, (r, v) => r.Profiles = (int)v),
            new Column("program", T, r => Text(r.ApplicationName), (r, v) => r.ApplicationName = OrNull(v), ""),
            new Column("service", T, r => Text(r.ServiceName), (r, v) => r.ServiceName = OrNull(v), ""),
            new Column("interface_types", T, r => Text(r.InterfaceTypes), (r, v) => r.InterfaceTypes = Or(v, "All"), "", "All"),
            new Column("interfaces", ColumnType.Texts, r => Texts(r.Interfaces), (r, v) => r.Interfaces = Variant((string[])v)),
            new Column("icmp", T, r => Text(r.IcmpTypesAndCodes), (r, v) => r.IcmpTypesAndCodes = Or(v, "*"), "", "*"),
            new Column("edge", N, r => r.EdgeTraversalOptions, (r, v) => r.EdgeTraversalOptions = (int)v, 0),
            new Column("secure", N, r => r.SecureFlags, (r, v) => r.SecureFlags = (int)v, 0),
            new Column("grouping", T, r => Text(r.Grouping), null),
            new Column("users", T, r => String.Join("|", Users(r).Where(item => item != "").ToArray()), null)
        };

        public static readonly string[] Fields = new[] { "id" }.Concat(All.Select(column => column.Name)).ToArray();

        public static readonly Dictionary<string, Column> Writable =
            All.Where(column => column.Put != null).ToDictionary(column => column.Name, StringComparer.Ordinal);

        // Local owner, authorised local users, remote users, remote computers, app package.
        public static string[] Users(INetFwRule3 rule)
        {
            return new[]
            {
                Text(rule.LocalUserOwner), Text(rule.LocalUserAuthorizedList), Text(rule.RemoteUserAuthorizedList),
                Text(rule.RemoteMachineAuthorizedList), Text(rule.LocalAppPackageId)
            };
        }

        public static string[] Texts(object variant)
        {
            Array items = variant as Array;
            if (items == null)
                return new string[0];
            return items.Cast<object>().Select(item => Convert.ToString(item, CultureInfo.InvariantCulture)).ToArray();
        }

        private static string Text(string value)
        {
            return value ?? "";
        }

        // "None" is a null BSTR: an empty one is refused for a program, and never matches for a service.
        private static string OrNull(object value)
        {
            return Or(value, null);
        }

        private static string Or(object value, string none)
        {
            return (string)value == "" ? none : (string)value;
        }

        // An array of VARIANT, not of BSTR; an empty one is no array at all.
        private static object Variant(string[] values)
        {
            return values.Length == 0 ? null : values.Cast<object>().ToArray();
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
