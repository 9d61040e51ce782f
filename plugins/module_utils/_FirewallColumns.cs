// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// A rule as a row of columns: one table says how each is read from the COM object, and how it is put there.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallColumns
{
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
}
